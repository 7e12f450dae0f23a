"""Reads messages from the bytes of one connection. The twin of _wire/reader.py."""


@cython.final
@cython.no_gc  # what it refers to does not know it
cdef class MessageReader:
    cdef FrameParser _parser
    cdef MessageAssembler _assembler
    cdef Room _room  # the last result of get_buffer, until it was used
    cdef tuple _failure

    def __init__(self, *, inflater=None, require_mask=True, **assembly):
        self._parser = FrameParser(allow_rsv1=inflater is not None, require_mask=require_mask)
        self._assembler = MessageAssembler(inflater=inflater, **assembly)

    def feed(self, data):
        self.feed_part(data, PY_SSIZE_T_MAX)

    cdef int feed_part(self, data, Py_ssize_t size) except -1:
        """Feed at most the first ``size`` bytes of ``data``."""
        self._room = None
        if self._failure is None:
            self._parser.feed_part(data, size)
        return 0

    def next_message(self):
        cdef Heading heading
        return as_message(&heading, self.next_data(&heading))

    cdef object next_data(self, Heading *heading):
        """Return the data of the next message, of a control frame its message; None if none is whole."""
        cdef Piece piece
        if self._failure is None:
            try:
                while self._parser.next(&piece):
                    data = self._assembler.add_piece(&piece, heading)
                    if data is not None:
                        return data
                return None
            except ProtocolError as error:
                self.fail(error.code, error.text)
        # A new error each time: its traceback does not keep the refused message alive.
        raise ProtocolError(*self._failure)

    cpdef release(self):
        self._parser.keep_rest()

    cdef Py_ssize_t kept(self) except -1:
        return 0 if self._failure is not None else self._assembler.kept()

    @property
    def unfinished(self):
        return self.kept()

    def give_up(self, error):
        self.fail(error.code, error.text)

    cpdef get_buffer(self):
        self._room = None  # so that only the transport holds the memory, which may have to grow
        cdef Py_ssize_t size = self._parser.wanted()
        if not size:
            return None
        self._room = self._assembler.room(size, self._parser.rest, self._parser.header.fin)
        return memoryview(self._room)

    cpdef buffer_updated(self, Py_ssize_t count):
        cdef Room room = self._room
        self._room = None
        if room is None or not 0 <= count <= room.size:
            raise ValueError(f"{count} bytes cannot be in the memory of get_buffer")
        self._parser.take_over(room.memory, room.start, count)

    cdef int fail(self, int code, str text) except -1:
        """Drop everything except the reason."""
        self._failure = (code, text)
        self._parser.give_up()
        self._assembler.give_up()
        return 0
