"""In go the pieces of a message, out it comes whole: in one memory, into which a transport may write."""

cdef enum:
    # The least that memory grows to; below, moving is cheaper than the bookkeeping of the allocator.
    SMALLEST = 128

cdef uint8_t[4] NO_KEY = [0, 0, 0, 0]


@cython.final
cdef class Room:
    """A part of somebody's memory that may be written to; the memory lives as long as any view of it."""

    cdef object memory
    cdef uint8_t *start
    cdef Py_ssize_t size

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self.start, self.size, 0, flags)


cdef Room room_in(PyObject *memory, Py_ssize_t offset, Py_ssize_t size):
    cdef Room room = Room.__new__(Room)
    room.memory = <object>memory
    room.start = memory_start(memory) + offset
    room.size = size
    return room


@cython.final
cdef class Partial:
    # A message that is still arriving: the first ``size`` bytes of _memory, unmasked or inflated. _most is
    # the most bytes it may ever have.
    cdef PyObject *_memory
    cdef Py_ssize_t size
    cdef uint64_t _most
    cdef Utf8 _utf8
    cdef int opcode
    cdef bint _is_text  # is to become str
    cdef bint _is_ascii  # all that is here
    cdef bint _is_checked  # a text, as it comes; what is here completely is checked at its end
    cdef bint is_compressed

    def __dealloc__(self):
        Py_XDECREF(self._memory)

    cdef Py_ssize_t capacity(self) noexcept:
        return 0 if self._memory is NULL else memory_capacity(self._memory)

    cdef int add(self, const Piece *piece) except -1:
        """Unmask ``piece`` to the end of the message, or where it is if that is the same place."""
        if not piece.size:
            return 0
        self.reserve(piece.size, piece.rest, piece.is_of_last)
        cdef uint8_t *target = memory_start(self._memory) + self.size
        if target == piece.payload:
            is_ascii = not mask_in_place(target, <size_t>piece.size, piece.key)
        else:
            is_ascii = not mask_into(target, piece.payload, <size_t>piece.size, piece.key)
        return self.added(target, piece.size, is_ascii)

    cdef int add_inflated(self, bytes piece) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(piece)
        if not size:
            return 0
        self.reserve(size, 0, False)
        cdef uint8_t *target = memory_start(self._memory) + self.size
        is_ascii = not mask_into(
            target, <const uint8_t *>PyBytes_AS_STRING(piece), <size_t>size, NO_KEY
        )
        return self.added(target, size, is_ascii)

    cdef int added(self, const uint8_t *start, Py_ssize_t size, bint is_ascii) except -1:
        self.size += size
        self._is_ascii = self._is_ascii and is_ascii
        if not self._is_checked or (is_ascii and not self._utf8.missing):
            return 0
        return check_utf8(&self._utf8, start, size)

    cdef Room room(self, Py_ssize_t size, uint64_t rest, bint is_of_last):
        """Room for ``size`` of the ``rest`` bytes that a frame lacks."""
        self.reserve(size, rest - <uint64_t>size, is_of_last)
        return room_in(self._memory, self.size, size)

    cdef int reserve(self, Py_ssize_t size, uint64_t rest, bint is_of_last) except -1:
        """Have memory for ``size`` bytes more; of the frame they are in ``rest`` are still to come.

        It is doubled, so that many small pieces cost linear time, but not past the message's end where
        that is known, so that nothing has to be moved then. Never more than twice what has arrived:
        stops a peer that declares much and sends little.
        """
        if size <= self.capacity() - self.size:
            return 0
        cdef uint64_t needed = <uint64_t>self.size + <uint64_t>size
        cdef uint64_t most = needed + rest if is_of_last else max(needed, self._most)
        cdef uint64_t doubled = max(2 * <uint64_t>self.size, <uint64_t>SMALLEST)
        cdef uint64_t capacity = min(max(needed, doubled), most)
        if capacity > <uint64_t>PY_SSIZE_T_MAX:
            raise MemoryError
        return self.resize(<Py_ssize_t>capacity)

    cdef int resize(self, Py_ssize_t capacity) except -1:
        if self._memory is NULL:
            self._memory = new_memory(self._is_text, capacity)
            return 0
        try:
            return resize_memory(&self._memory, self.size, capacity)
        except MemoryError:
            self.size = 0  # the memory may be gone
            raise

    cdef int check_text(self) except -1:
        """Check what has not been checked: all of it, or only whether it ends in half a character."""
        if not self._is_checked and not self._is_ascii:
            check_utf8(&self._utf8, memory_start(self._memory), self.size)
        if self._utf8.missing:
            raise refusals.not_text()
        return 0

    cdef object data(self):
        """The data of the message, a text after `check_text`; this is not to be used any more."""
        if not self.size:
            return "" if self._is_text else b""
        if self._is_text and not self._is_ascii:
            return PyUnicode_DecodeUTF8(
                <const char *>memory_start(self._memory), self.size, "strict"
            )
        if self.size < self.capacity():
            self.resize(self.size)
        data = <object>self._memory
        Py_DECREF(data)  # it is now theirs
        self._memory = NULL
        return data


cdef Partial new_partial(const Piece *first, uint64_t max_size, bint decode_text):
    """The message that begins with ``first``, of which nothing is in it yet; ``max_size`` 0: no limit."""
    cdef Partial partial = Partial.__new__(Partial)
    partial.opcode = first.opcode
    partial.is_compressed = first.rsv1
    partial._is_text = first.opcode == TEXT and decode_text
    partial._is_ascii = True
    partial._is_checked = first.opcode == TEXT and not first.fin
    partial._most = max_size or <uint64_t>-1
    return partial
