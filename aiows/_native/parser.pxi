"""Cuts bytes, in portions of any size, into frames or pieces of frames. The twin of _wire/parser.py."""

# The reasons for both are in parser.py.
cdef enum:
    LARGE = 64 * 1024
    MAX_ROOM = 256 * 1024


cdef struct Piece:
    # A `Frame` whose payload is still in the memory that was fed, masked with ``key``.
    uint64_t rest
    const uint8_t *payload
    Py_ssize_t size
    uint8_t opcode
    uint8_t key[4]
    bint fin
    bint rsv1
    bint is_of_last  # its frame has FIN


@cython.final
@cython.no_gc  # what it refers to is a buffer
@cython.freelist(4)
cdef class Fed:
    """The exported buffer that was fed; it is held as long as this object exists."""

    cdef Py_buffer view

    def __dealloc__(self):
        release_buffer(&self.view)


@cython.final
@cython.no_gc  # what it refers to are buffers
cdef class FrameParser:
    # The bytes from _at to _end are still to be parsed. They belong to _owner, a `Fed` or memory of our own,
    # which is held until they are released. A Py_buffer here would add 80 bytes to each idle connection.
    cdef object _owner
    cdef const uint8_t *_at
    cdef const uint8_t *_end
    cdef bint _allow_rsv1
    cdef bint _require_mask
    # The frame whose header was read last; _is_inside: its payload has not been returned completely.
    cdef Header header
    cdef uint64_t rest
    cdef uint64_t _received
    cdef bint _is_inside
    cdef bint _is_announced

    def __init__(self, *, bint allow_rsv1=False, bint require_mask=True):
        self._allow_rsv1 = allow_rsv1
        self._require_mask = require_mask

    def feed(self, data):
        self.feed_part(data, PY_SSIZE_T_MAX)

    def release(self):
        self.keep_rest()

    def next_frame(self):
        cdef Piece piece
        if not self.next(&piece):
            return None
        payload = unmasked_bytes(piece.payload, piece.size, piece.key)
        return Frame(piece.opcode, piece.fin, piece.rsv1, payload, piece.rest)

    cdef int feed_part(self, data, Py_ssize_t size) except -1:
        """Feed at most the first ``size`` bytes of ``data``, which is held until it is released."""
        cdef Fed fed = Fed.__new__(Fed)
        PyObject_GetBuffer(data, &fed.view, PyBUF_SIMPLE)
        return self.take_over(fed, <const uint8_t *>fed.view.buf, min(size, fed.view.len))

    cdef int take_over(self, object owner, const uint8_t *data, Py_ssize_t size) except -1:
        """Feed bytes that belong to ``owner``; they must not change until they are released."""
        if self._at != self._end:
            return self.join(data, size)
        self.let_go()
        self._owner = owner
        self._at = data
        self._end = data + size
        return 0

    cdef int keep_rest(self) except -1:
        """Free everything that was fed, except bytes that have not been parsed yet."""
        if self._at == self._end:
            self.let_go()
            return 0
        return self.join(NULL, 0)

    cdef int join(self, const uint8_t *more, Py_ssize_t size) except -1:
        """Copy what has not been parsed to memory of our own, followed by ``more``."""
        cdef Py_ssize_t rest = self._end - self._at
        if size > PY_SSIZE_T_MAX - rest:
            raise MemoryError
        cdef bytes joined = PyBytes_FromStringAndSize(NULL, rest + size)
        cdef uint8_t *target = <uint8_t *>PyBytes_AS_STRING(joined)
        memcpy(target, self._at, rest)
        if size:
            memcpy(target + rest, more, size)
        self.let_go()
        self._owner = joined
        self._at = target
        self._end = target + rest + size
        return 0

    cdef void give_up(self) noexcept:
        """Drop all bytes: nothing will be parsed from now on."""
        self.let_go()
        self._is_inside = False
        self.rest = 0

    cdef void let_go(self) noexcept:
        owner = self._owner  # freed at the end of this function, when nothing here points into it
        self._at = self._end = NULL
        self._owner = None

    cdef Py_ssize_t wanted(self) noexcept:
        """Return how much memory to offer for the missing bytes of a large frame; 0: none."""
        if self._received < LARGE or self.rest < LARGE or self._at != self._end:
            return 0
        return <Py_ssize_t>min(self.rest, self._received, <uint64_t>MAX_ROOM)

    cdef bint next(self, Piece *piece) except -1:
        """Fill ``piece`` with the next frame or piece; False: more bytes are needed."""
        if not self._is_inside and not self.read_header():
            return False
        cdef Py_ssize_t available = self._end - self._at
        if <uint64_t>available < self.rest:
            return self.next_part(piece, available)
        self._is_inside = False
        self.take(piece, <Py_ssize_t>self.rest)
        piece.fin = self.header.fin
        return True

    cdef bint next_part(self, Piece *piece, Py_ssize_t available) noexcept:
        """Fill ``piece`` with what has arrived of a frame; its header alone at first, to refuse it early."""
        if self.header.opcode >= FIRST_CONTROL or (self._is_announced and not available):
            return False
        self.take(piece, available)
        piece.fin = False
        rotate_key(self.header.key, <uint64_t>available)
        self._received += <uint64_t>available
        self._is_announced = True
        self.header.opcode = 0
        self.header.rsv1 = False
        return True

    cdef void take(self, Piece *piece, Py_ssize_t size) noexcept:
        piece.opcode = self.header.opcode
        piece.rsv1 = self.header.rsv1
        memcpy(piece.key, self.header.key, 4)
        piece.is_of_last = self.header.fin
        piece.payload = self._at
        piece.size = size
        self._at += size
        self.rest -= <uint64_t>size
        piece.rest = self.rest

    cdef bint read_header(self) except -1:
        """Read the next header; False: it has not arrived completely."""
        cdef int size = parse_header(
            &self.header,
            self._at,
            <size_t>(self._end - self._at),
            self._allow_rsv1,
            self._require_mask,
        )
        if size < 0:
            raise self.refusal(size)
        if size == 0:
            return False
        self._at += size
        self.rest = self.header.length
        self._received = 0
        self._is_inside = True
        self._is_announced = False
        return True

    cdef object refusal(self, int reason):
        if reason == BAD_START:
            return refusals.bad_start(self._at[0])
        if reason == NO_MASK:
            return refusals.no_mask()
        if reason == LONG_CONTROL:
            return refusals.long_control()
        return refusals.bad_length(self.header.length, self._at[1] & 0x7F)
