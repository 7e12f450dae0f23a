"""In go messages, out they go to a reader and from there to a runner: what each message with a kind takes."""


@cython.final
cdef class Plain:
    """A route whose messages need nothing but a call."""

    cdef object route
    cdef object call
    cdef bint needs_instance


@cython.final
cdef class Pipeline:
    cdef object _reader
    cdef object _read
    cdef object _runner
    cdef object _patience
    cdef dict _plain
    cdef bint _is_flat
    cdef object _payload_type
    cdef object _dumps
    cdef object _default
    cdef object _options
    cdef object _encode
    cdef readonly object codec
    cdef readonly object opcode

    def __init__(self, reader, runner, patience):
        self._reader = reader
        self._read = reader.read_at_once
        self._runner = runner
        self._patience = patience
        self._plain = {type_: plain(route) for type_, route in reader.by_type.items() if route.is_plain}
        self._is_flat = runner.is_flat
        self._payload_type = runner.payload_type
        writers = getattr(reader.codec, "writers", None)
        if writers is not None:
            self._dumps, self._default, self._options, self._encode = writers
        self.codec = reader.codec
        self.opcode = reader.codec.opcode

    def handle(self, ws, connection, data, instance):
        return self.take(ws, connection, data, instance, False)

    def handle_in_task(self, ws, connection, data, instance):
        return self.take(ws, connection, data, instance, True)

    cdef object take(self, ws, connection, data, instance, bint is_in_task):
        cdef Plain plain
        try:
            message = self.read(data)
            plain = self._plain.get(type(message))
            if plain is None:
                message = self._reader.requested(message, data)
        except Exception as error:
            return self._patience.refuse(ws, error, self.codec)
        if self._patience.has_refused:
            self._patience.forgive(connection)
        if plain is None:
            return self.run(ws, message, instance, is_in_task)
        ref = message.ref
        if ref is UNSET:
            ref = None
        else:
            force_setattr(message, "ref", UNSET)
        if (instance is None and plain.needs_instance) or is_busy(connection.in_flight):
            return self.run(ws, self.request(plain, message, ref), instance, is_in_task)
        return self.call(plain, ws, connection, message, ref, instance, is_in_task)

    cdef object read(self, data):
        if self._read is None:
            return None
        try:
            return self._read(data)
        except Exception:
            return None  # no message is: the reader finds it again, and says where it was

    cdef object run(self, ws, request, instance, bint is_in_task):
        return self._runner.run(ws, request, instance, self.codec, is_in_task=is_in_task)

    cdef object call(self, Plain plain, ws, connection, message, ref, instance, bint is_in_task):
        """Call the handler, and answer with what it returns if it does not wait."""
        cdef PyObject *result = NULL
        steps = None
        try:
            value = plain.call(ws, message, instance)
            if is_in_task and type(value) is CoroutineType:
                if PyIter_Send(value, None, &result) != PYGEN_RETURN:
                    steps = value
                value = <object>result
                Py_DECREF(value)  # the reference that it came with
        except BaseException as error:
            return self._runner.raised(error, ws, self.request(plain, message, ref), self.codec)
        if steps is not None:
            return self._runner.suspended(steps, value, ws, self.request(plain, message, ref), self.codec)
        if value is None or type(value) is dict or isinstance(value, Struct):
            if ref is None:
                return None
            payload = self.reply(value, ref)
            if payload is not None:
                if connection.push_encoded(self.opcode, payload) is DROPPED:
                    return self._runner.send_late(ws, payload, self.codec)
                return None
        request = self.request(plain, message, ref)
        return self._runner.returned(value, ws, request, self.codec, is_in_task=is_in_task)

    cdef object request(self, Plain plain, message, ref):
        return self._reader.request_of(plain.route, message, ref)

    cdef bytes reply(self, value, ref):
        """The answer that carries ``value``, or None: there is something wrong with it."""
        try:
            if self._encode is not None and self._is_flat:
                if type(value) is dict:
                    return self.json_of_fields(ref, <dict>value)
                if isinstance(value, self._payload_type) and value.ref is UNSET:
                    return self.json_of_payload(ref, value)
            return self._runner.reply(value, ref, self.codec)
        except Exception:
            return None

    cdef bytes json_of_fields(self, ref, dict fields):
        cdef dict answer = {"kind": "reply", "ref": ref}
        answer.update(fields)
        if len(answer) < len(fields) + 2 or "error" in fields:
            return None
        try:
            return self._dumps(answer, self._default, self._options)
        except TypeError:
            return self.codec.encode(answer)

    cdef bytes json_of_payload(self, ref, payload):
        answer = payload.__copy__()  # it may be sent to others, too, or at the same time in another thread
        force_setattr(answer, "ref", ref)
        cdef bytes data = self._encode(answer)
        if data.startswith(b'{"kind":'):  # its own: no field can have the name
            return data
        return joined(b'{"kind":"reply",', data, 1)


cdef bytes joined(bytes head, bytes data, Py_ssize_t start):
    """``head`` and what ``data`` has from ``start`` on."""
    cdef Py_ssize_t first = PyBytes_GET_SIZE(head), second = PyBytes_GET_SIZE(data) - start
    cdef bytes both = PyBytes_FromStringAndSize(NULL, first + second)
    memcpy(PyBytes_AS_STRING(both), PyBytes_AS_STRING(head), first)
    memcpy(PyBytes_AS_STRING(both) + first, PyBytes_AS_STRING(data) + start, second)
    return both


cdef Plain plain(route):
    cdef Plain made = Plain.__new__(Plain)
    made.route = route
    made.call = route.call
    made.needs_instance = route.needs_instance
    return made


cdef bint is_busy(in_flight) except -1:
    """Whether handlers of a connection wait, which the next has to be counted among."""
    return in_flight is not None and not in_flight.is_empty
