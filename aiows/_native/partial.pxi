"""Collects the pieces of a message in one block of memory, into which a transport may write."""

cdef enum:
    # Memory grows to at least this size: smaller steps cost more in the allocator than they save.
    SMALLEST = 128

cdef uint8_t[4] NO_KEY = [0, 0, 0, 0]


@cython.final
cdef class Room:
    """A writable part of some memory; any view of it keeps that memory alive."""

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
    # A message that is still arriving: the first ``size`` bytes of _memory, unmasked or inflated. _most: the
    # most bytes that it may have.
    cdef PyObject *_memory
    cdef Py_ssize_t size
    cdef uint64_t _most
    cdef Utf8 _utf8
    cdef int opcode
    cdef bint _is_text  # is to become str
    cdef bint _is_ascii  # all bytes so far
    cdef bint _is_checked  # text that is checked piece by piece; text in one frame is checked at the end
    cdef bint is_compressed

    def __dealloc__(self):
        Py_XDECREF(self._memory)

    cdef Py_ssize_t capacity(self) noexcept:
        return 0 if self._memory is NULL else memory_capacity(self._memory)

    cdef int add(self, const Piece *piece) except -1:
        """Append ``piece``, unmasked; in place if the transport has written it there."""
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
        cdef Py_ssize_t size = size_of(piece)
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
        """Return memory for ``size`` of the ``rest`` bytes that are missing of a frame."""
        self.reserve(size, rest - <uint64_t>size, is_of_last)
        return room_in(self._memory, self.size, size)

    cdef int reserve(self, Py_ssize_t size, uint64_t rest, bint is_of_last) except -1:
        """Make sure that ``size`` more bytes fit; ``rest`` bytes of their frame are still to come.

        The memory is doubled, so that many small pieces take linear time, but not beyond the message's end if
        that is known, so that the result need not be copied. It is never more than twice what has arrived: stops
        a peer that declares much and sends little.
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
        """Check text that was not checked yet, and that it does not end within a character."""
        if not self._is_checked and not self._is_ascii:
            check_utf8(&self._utf8, memory_start(self._memory), self.size)
        if self._utf8.missing:
            raise refusals.not_text()
        return 0

    cdef object data(self):
        """Return the data of the message, and give up the memory; for text call `check_text` before."""
        if not self.size:
            return "" if self._is_text else b""
        if self._is_text and not self._is_ascii:
            return PyUnicode_DecodeUTF8(
                <const char *>memory_start(self._memory), self.size, "strict"
            )
        if self.size < self.capacity():
            self.resize(self.size)
        data = <object>self._memory
        Py_DECREF(data)  # our reference: the caller has its own
        self._memory = NULL
        return data


cdef Partial new_partial(const Piece *first, uint64_t max_size, bint decode_text):
    """Return an empty message that will begin with ``first``; ``max_size`` 0: no limit."""
    cdef Partial partial = Partial.__new__(Partial)
    partial.opcode = first.opcode
    partial.is_compressed = first.rsv1
    partial._is_text = first.opcode == TEXT and decode_text
    partial._is_ascii = True
    partial._is_checked = first.opcode == TEXT and not first.fin
    partial._most = max_size or <uint64_t>-1
    return partial
