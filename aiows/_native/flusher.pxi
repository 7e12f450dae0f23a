"""When what outboxes have gathered leaves: with the read, or before the loop looks for events again."""


cdef class Flusher:
    cdef object _call_soon
    cdef object _is_closed
    cdef list _gathering
    cdef bint _is_scheduled
    cdef int _reads
    cdef readonly bint is_reading
    cdef object _loop
    cdef object _said
    cdef uint8_t _opcode
    cdef bytes _frame
    cdef readonly Counters counters
    cdef Stepper _stepper
    cdef public object observer

    def __init__(self, loop, Counters counters=None, Stepper stepper=None):
        self.counters = Counters() if counters is None else counters
        self._stepper = stepper
        self._call_soon = loop.call_soon
        self._is_closed = loop.is_closed
        self._gathering = []
        self._loop = loop

    cpdef time(self):
        return self._loop.time()

    cpdef begin_read(self):
        self._reads += 1
        self.is_reading = True
        if self._stepper is not None:
            self._stepper.is_reading = True

    cpdef end_read(self):
        self._reads -= 1
        if self._stepper is not None:
            self._stepper.is_reading = self._reads > 0
            self._stepper.settle()
        if not self._reads:
            self.is_reading = False
            if self._gathering:
                self.let_go()

    def frame_of(self, uint8_t opcode, payload):
        cdef Payload data
        bytes_of = read_payload(&data, payload)
        return self.frame_said(opcode, &data, payload)

    cdef bytes frame_said(self, uint8_t opcode, const Payload *data, said):
        """The frame of ``data``, which are the bytes of ``said``."""
        if said is self._said and opcode == self._opcode:
            return self._frame
        cdef bytes frame = frame_of(opcode | FIN, <const uint8_t *>data.start, data.size, NULL)
        if type(said) is str or type(said) is bytes:  # what runs no code when it goes
            self._said, self._opcode, self._frame = said, opcode, frame
        return frame

    def join(self, OutboxCore outbox not None):
        self.add(outbox)

    def call_soon(self, callback):
        if not self._is_closed():
            self._call_soon(callback)

    cdef int add(self, OutboxCore outbox) except -1:
        self._gathering.append(outbox)
        if not self.is_reading and not self._is_scheduled:
            self._is_scheduled = True
            self._call_soon(self._end)
        return 0

    def _end(self):
        self._is_scheduled = False
        self.let_go()

    cdef int let_go(self) except -1:
        self._said = self._frame = None
        cdef list gathering = self._gathering
        self._gathering = []
        cdef bint is_live = not self._is_closed()
        cdef Py_ssize_t count = 0
        while count < len(gathering):
            try:
                while count < len(gathering):
                    count += 1
                    (<OutboxCore>gathering[count - 1]).release(is_live)
            except Exception as error:
                gathering[count - 1].broke(error)
        return 0
