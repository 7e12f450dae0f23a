"""Joins frames to messages, within the limits. The twin of _wire/assembler.py."""

# The reason is in assembler.py.
cdef enum:
    DEFLATE_OVERHEAD = 1024

# A C variable: a name of the module would be looked up for each message. The module keeps the type alive.
cdef PyTypeObject *MESSAGE = <PyTypeObject *>Message


@cython.final
@cython.no_gc  # what it refers to does not know it
cdef class MessageAssembler:
    cdef uint64_t _max_msg_size
    cdef bint _takes_limit
    cdef bint _decode_text
    cdef object _inflater
    cdef Partial _partial

    def __init__(
        self,
        *,
        inflater,
        max_msg_size=DEFAULT_MAX_MSG_SIZE,
        bint decode_text=True,
        bint takes_limit=False,
    ):
        # Without the garbage collector: readers in readers in readers would overflow the stack when they go.
        if inflater is not None and not isinstance(inflater, Inflater):
            raise TypeError(f"{inflater!r} is no Inflater")
        self._max_msg_size = min(max_msg_size, MAX_LIMIT)
        self._takes_limit = takes_limit
        self._inflater = inflater
        self._decode_text = decode_text

    cdef Py_ssize_t kept(self) noexcept:
        return 0 if self._partial is None else self._partial.size

    @property
    def unfinished(self):
        return self.kept()

    def add(self, frame):
        cdef Piece piece
        cdef Heading heading
        cdef bytes payload = frame.payload
        memset(&piece, 0, sizeof(piece))
        piece.size = size_of(payload)
        piece.opcode = frame.opcode
        piece.fin = piece.is_of_last = frame.fin
        piece.rsv1 = frame.rsv1
        piece.payload = <const uint8_t *>PyBytes_AS_STRING(payload)
        piece.rest = frame.rest
        if piece.rest > MAX_LIMIT:
            raise OverflowError(f"no frame has {piece.rest} bytes")
        return as_message(&heading, self.add_piece(&piece, &heading))

    cdef object add_piece(self, const Piece *piece, Heading *heading):
        """Return the data of the message that ``piece`` completes, for a control frame its message; or None."""
        heading.opcode = piece.opcode
        heading.size = piece.size
        if piece.opcode >= FIRST_CONTROL:
            return control_message(piece)
        if self._partial is None:
            return self.start(piece, heading)
        return self.go_on(piece, heading)

    cdef object start(self, const Piece *piece, Heading *heading):
        # RFC 6455, section 5.4: one frame with an opcode, then continuations until FIN.
        if piece.opcode == CONTINUATION:
            raise refusals.continuation_of_nothing()
        self.check_declared_size(piece, 0, piece.rsv1)
        if piece.fin and not piece.rsv1:
            return self.whole_data(piece)
        return self.extend(new_partial(piece, self._max_msg_size, self._decode_text), piece, heading)

    cdef object go_on(self, const Piece *piece, Heading *heading):
        if piece.opcode != CONTINUATION:
            raise refusals.no_continuation(piece.opcode)
        self.check_declared_size(piece, <uint64_t>self._partial.size, self._partial.is_compressed)
        return self.extend(self._partial, piece, heading)

    cdef object extend(self, Partial partial, const Piece *piece, Heading *heading):
        self._partial = None  # so that nothing of the message is kept if it is refused
        if partial.is_compressed:
            self.inflate(partial, piece)
        else:
            partial.add(piece)
        if piece.fin:
            heading.opcode = partial.opcode
            heading.size = partial.size
            return self.joined_data(partial)
        self._partial = partial
        return None

    cdef int check_declared_size(self, const Piece *piece, uint64_t gathered, bint is_compressed) except -1:
        """Refuse a frame whose header declares too many bytes, before its payload has arrived."""
        # No overflow: collected bytes are in memory, and the declared length and the limit have 63 bits.
        cdef uint64_t limit = self._max_msg_size
        cdef uint64_t declared = <uint64_t>piece.size + piece.rest
        if is_compressed:
            gathered = 0
            limit += limit // 8 + DEFLATE_OVERHEAD
        if gathered + declared >= limit + self._takes_limit and self._max_msg_size:
            raise refusals.too_big(gathered + declared, self._max_msg_size)
        return 0

    cdef int inflate(self, Partial partial, const Piece *piece) except -1:
        cdef bytes payload = unmasked_bytes(piece.payload, piece.size, piece.key)
        for inflated in self._inflater.inflate(payload, final=piece.fin):
            partial.add_inflated(inflated)
            if 0 < self._max_msg_size < <uint64_t>partial.size:
                raise refusals.inflated_too_big(self._max_msg_size)
        return 0

    cdef object whole_data(self, const Piece *piece):
        """Return the data of a message in one whole frame, in one pass over its bytes."""
        if piece.opcode == TEXT and self._decode_text:
            return text_of(piece.payload, piece.size, piece.key)
        cdef bytes data = PyBytes_FromStringAndSize(NULL, piece.size)
        cdef uint8_t *start = <uint8_t *>PyBytes_AS_STRING(data)
        cdef bint is_ascii = not mask_into(start, piece.payload, <size_t>piece.size, piece.key)
        if piece.opcode == TEXT and not is_ascii:
            check_whole_utf8(start, piece.size)
        return data

    cdef object joined_data(self, Partial partial):
        if partial.opcode == TEXT:
            partial.check_text()
        return partial.data()

    cdef void give_up(self) noexcept:
        """Drop the message that is arriving."""
        self._partial = None

    cdef Room room(self, Py_ssize_t size, uint64_t rest, bint is_of_last):
        """Return memory for the next ``size`` of the ``rest`` bytes that are missing of a frame."""
        if self._partial is None or self._partial.is_compressed:
            memory = PyBytes_FromStringAndSize(NULL, size)
            return room_in(<PyObject *>memory, 0, size)
        return self._partial.room(size, rest, is_of_last)


cdef struct Heading:
    # What is to be said of the data of a message; ``size``: bytes of payload.
    int opcode
    Py_ssize_t size


cdef object as_message(const Heading *heading, data):
    """Return what `add_piece` has returned as a whole `Message`, or None."""
    if data is None or heading.opcode >= FIRST_CONTROL:
        return data
    return message_of(heading.opcode, data, heading.size)


cdef object message_of(int opcode, object data, Py_ssize_t size):
    Py_INCREF(data)  # for the message
    return new_message(MESSAGE, opcode, <PyObject *>data, "", size)


cdef object control_message(const Piece *piece):
    cdef bytes payload = unmasked_bytes(piece.payload, piece.size, piece.key)
    if piece.opcode != CLOSE:
        return message_of(piece.opcode, payload, piece.size)
    code, reason = parse_close(payload)
    return Message(CLOSE, code, reason, piece.size)
