"""The reading half of a connection's protocol: what the transport reads becomes messages."""

# See protocol_core.py.
cdef enum:
    TOLD_AGAIN = 64 * 1024


cdef class ProtocolCore:
    cdef readonly MessageReader _reader
    cdef readonly Flusher _flusher
    cdef object _read_buffer
    cdef public object consumer
    cdef public object in_flight
    cdef readonly double heard_at
    cdef bint _is_listening
    cdef bint _uses_room
    cdef bint _is_reading
    cdef public bint is_paused
    cdef public bint is_ignoring
    cdef public unsigned long long number
    cdef Py_ssize_t _unfinished

    def __init__(self, MessageReader reader not None, Flusher flusher not None, read_buffer not None):
        self._reader = reader
        self._flusher = flusher
        self._read_buffer = read_buffer

    @property
    def observer(self):
        return self._flusher.observer

    def received(self, message):
        pass

    def failed(self, error):
        pass

    def unfinished_changed(self, Py_ssize_t size):
        pass

    def hear(self):
        self._is_listening = True
        self.heard_at = self._flusher.time()

    def get_buffer(self, sizehint):
        room = None if self.is_ignoring else self._reader.get_buffer()
        self._uses_room = room is not None
        return self._read_buffer if room is None else room

    def buffer_updated(self, Py_ssize_t nbytes):
        if self._is_listening:
            self.heard_at = self._flusher.time()
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
        self._flusher.begin_read()
        try:
            self.give_out()
        except ProtocolError as error:
            self.failed(error)
        finally:
            self._is_reading = False
            self._reader.release()
            self._flusher.end_read()
        return self.note_unfinished()

    cdef int count(self, const Heading *heading, data) except -1:
        cdef Counters counters = self._flusher.counters
        counters.messages_in += 1
        counters.bytes_in += <unsigned long long>heading.size
        if self._flusher.observer is not None:
            self.observed(as_message(heading, data))
        return 0

    def observed(self, message):
        pass

    cdef int note_unfinished(self) except -1:
        cdef Py_ssize_t size = 0 if self.is_ignoring else self._reader.kept()
        if size == self._unfinished or (self._unfinished and 0 < size - self._unfinished < TOLD_AGAIN):
            return 0
        self._unfinished = size
        self.unfinished_changed(size)
        return 0

    cdef int give_out(self) except -1:
        cdef MessageReader reader = self._reader
        cdef Heading heading
        while not self.is_paused and not self.is_ignoring:
            data = reader.next_data(&heading)
            if data is None:
                return 0
            if heading.opcode <= BINARY:
                self.count(&heading, data)
                if self.is_taken(&heading, data):
                    continue
            self.received(as_message(&heading, data))
        return 0

    cdef bint is_taken(self, const Heading *heading, data) except -1:
        consumer = self.consumer
        if isinstance(consumer, Consumer):
            return (<Consumer>consumer).take(heading, data)
        return consumer is not None and consumer.offer(as_message(heading, data))
