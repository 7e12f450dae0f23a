"""In go a transport's reads, out come messages to whoever receives them: the reading half of a protocol."""


cdef class ProtocolCore:
    cdef MessageReader _reader
    cdef readonly object _receiver
    cdef Flusher _turn
    cdef object _read_buffer
    cdef public object consumer
    cdef readonly double heard_at
    cdef bint _is_listening
    cdef bint _uses_room
    cdef bint _is_reading
    cdef public bint is_paused
    cdef public bint is_ignoring

    def __init__(self, MessageReader reader not None, receiver, Flusher turn not None, read_buffer not None):
        self._reader = reader
        self._receiver = receiver
        self._turn = turn
        self._read_buffer = read_buffer

    def hear(self):
        self._is_listening = True
        self.heard_at = self._turn.time()

    def get_buffer(self, sizehint):
        room = None if self.is_ignoring else self._reader.get_buffer()
        self._uses_room = room is not None
        return self._read_buffer if room is None else room

    def buffer_updated(self, Py_ssize_t nbytes):
        if self._is_listening:
            self.heard_at = self._turn.time()
        if self.is_ignoring:
            return
        if self._uses_room:
            self._uses_room = False
            self._reader.buffer_updated(nbytes)
        else:
            self.feed_read(nbytes)
        self.read()

    cdef int feed_read(self, Py_ssize_t nbytes) except -1:
        if not 0 <= nbytes <= len(self._read_buffer):
            raise ValueError(f"{nbytes} bytes cannot be in the read buffer")
        return self._reader.feed_part(self._read_buffer, nbytes)

    def feed(self, data):
        self._reader.feed(data)
        self.read()

    def read_messages(self):
        self.read()

    cdef int read(self) except -1:
        if self._is_reading:
            return 0
        self._is_reading = True
        self._turn.begin_read()
        try:
            self.give_out()
        except ProtocolError as error:
            self._receiver.failed(error)
        finally:
            self._is_reading = False
            self._reader.release()
            self._turn.end_read()
        return 0

    cdef int give_out(self) except -1:
        cdef MessageReader reader = self._reader
        while not self.is_paused and not self.is_ignoring:
            message = reader.next_message()
            if message is None:
                return 0
            if not self.is_taken(<tuple>message):
                self._receiver.received(message)
        return 0

    cdef bint is_taken(self, tuple message) except -1:
        consumer = self.consumer
        if consumer is None or <int>message[0] > BINARY:
            return False
        return (<Consumer>consumer).take(message) if isinstance(consumer, Consumer) else consumer.offer(message)
