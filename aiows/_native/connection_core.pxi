"""Sends what a handler pushes: from the object to the outbox in one call. The twin of connection_core.py."""

cdef PyTypeObject *STRUCT = <PyTypeObject *>Struct


cdef class ConnectionCore:
    cdef public OutboxCore _outbox
    cdef public ProtocolCore _protocol
    cdef public object codec

    @cython.embedsignature(True)
    @cython.embedsignature.format("clinic")
    def push(self, message):
        """Send without waiting: ``str`` as TEXT, bytes-like as BINARY, any other object in its codec.

        DROPPED if the connection is closed, or if something waits already and this message would
        make it more than ``max_backpressure`` bytes. Raises TypeError for what the codec cannot say.
        """
        if type(message) is str:
            return self._outbox.push_payload(TEXT, message)
        if type(message) is bytes:
            return self._outbox.push_payload(BINARY, message)
        if type(message) is dict or PyObject_TypeCheck(message, STRUCT):
            return self.push_object(message)
        return self._push_other(message)

    cdef object push_object(self, message):
        if self._protocol._flusher.observer is not None:
            self._protocol.kind_sent(kind_of(message))
        cdef JsonCore json = json_core_of(self.codec)
        if json is None:
            return self._outbox.push_payload(self.codec.opcode, self.codec.encode(message))
        return self._outbox.push_payload(TEXT, json.encoded(message))

    def _push_other(self, message):
        raise NotImplementedError
