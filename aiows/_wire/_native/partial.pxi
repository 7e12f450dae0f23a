"""In go the pieces of a message, out it comes whole: in one memory, into which a transport may write."""

# The least that memory grows to; below, moving is cheaper than the bookkeeping of the allocator.
cdef enum:
    SMALLEST = 128


@cython.final
cdef class Room:
    """A part of somebody's memory that may be written to; the memory lives as long as any view of it."""

    cdef bytes _memory
    cdef uint8_t *_start
    cdef Py_ssize_t _size

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, self._start, self._size, 0, flags)


cdef Room room_in(bytes memory, Py_ssize_t offset, Py_ssize_t size):
    cdef Room room = Room.__new__(Room)
    room._memory = memory
    room._start = <uint8_t *>PyBytes_AS_STRING(memory) + offset
    room._size = size
    return room


@cython.final
cdef class Partial:
    # A message that is still arriving: the first _size bytes of _memory, unmasked or inflated. _most is
    # the most bytes it may ever have.
    cdef PyObject *_memory
    cdef Py_ssize_t _size
    cdef uint64_t _most
    cdef Utf8 _utf8
    cdef int opcode
    cdef bint _is_checked  # a text, as it comes; what is here completely is checked at its end
    cdef bint is_compressed

    def __dealloc__(self):
        Py_XDECREF(self._memory)

    cdef Py_ssize_t capacity(self) noexcept:
        return 0 if self._memory is NULL else bytes_size(self._memory)

    cdef uint8_t *end(self) noexcept:
        return <uint8_t *>bytes_data(self._memory) + self._size

    cdef int add(self, const Piece *piece) except -1:
        """Unmask ``piece`` to the end of the message, or where it is if that is the same place."""
        cdef bint is_ascii
        if not piece.size:
            return 0
        self.reserve(piece.size, piece.rest, piece.is_of_last)
        cdef uint8_t *target = self.end()
        if target == piece.payload:
            is_ascii = not mask_in_place(target, <size_t>piece.size, piece.key)
        else:
            is_ascii = not mask_into(target, piece.payload, <size_t>piece.size, piece.key)
        return self.added(piece.size, is_ascii)

    cdef int add_inflated(self, bytes piece) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(piece)
        self.reserve(size, 0, False)
        memcpy(self.end(), PyBytes_AS_STRING(piece), size)
        return self.added(size, False)

    cdef int added(self, Py_ssize_t size, bint is_ascii) except -1:
        cdef uint8_t *start = self.end()
        self._size += size
        if not self._is_checked or (is_ascii and not self._utf8.missing):
            return 0
        return check_utf8(&self._utf8, start, size)

    cdef Room room(self, Py_ssize_t size, uint64_t rest, bint is_of_last):
        """Room for ``size`` of the ``rest`` bytes that a frame lacks."""
        self.reserve(size, rest - <uint64_t>size, is_of_last)
        return room_in(<bytes>self._memory, self._size, size)

    cdef int reserve(self, Py_ssize_t size, uint64_t rest, bint is_of_last) except -1:
        """Have memory for ``size`` bytes more; of the frame they are in ``rest`` are still to come.

        It is doubled, so that many small pieces cost linear time, but not past the message's end where
        that is known, so that nothing has to be moved then. Never more than twice what has arrived:
        stops a peer that declares much and sends little.
        """
        if size <= self.capacity() - self._size:
            return 0
        cdef uint64_t needed = <uint64_t>self._size + <uint64_t>size
        cdef uint64_t most = needed + rest if is_of_last else max(needed, self._most)
        cdef uint64_t doubled = max(2 * <uint64_t>self._size, <uint64_t>SMALLEST)
        cdef uint64_t capacity = min(max(needed, doubled), most)
        if capacity > <uint64_t>PY_SSIZE_T_MAX:
            raise MemoryError
        return self.resize(<Py_ssize_t>capacity)

    cdef int resize(self, Py_ssize_t capacity) except -1:
        if self._memory is NULL:
            self._memory = new_bytes(capacity)
            return 0
        try:
            return resize_bytes(&self._memory, self._size, capacity)
        except MemoryError:
            self._size = 0  # the memory is gone
            raise

    cdef bytes join(self):
        """The message as bytes; it is not to be used any more."""
        if self._memory is NULL:
            return b""
        if self._size < self.capacity():
            self.resize(self._size)
        cdef bytes data = <bytes>self._memory
        Py_DECREF(data)
        self._memory = NULL
        return data

    cdef str decode(self):
        """The message as text, after `check_text`."""
        if self._memory is NULL:
            return ""
        return PyUnicode_DecodeUTF8(bytes_data(self._memory), self._size, "strict")

    cdef int check_text(self) except -1:
        """Check what has not been checked: all of it, or only whether it ends in half a character."""
        if not self._is_checked and self._memory is not NULL:
            check_utf8(&self._utf8, <uint8_t *>bytes_data(self._memory), self._size)
        if self._utf8.missing:
            raise refusals.not_text()
        return 0
