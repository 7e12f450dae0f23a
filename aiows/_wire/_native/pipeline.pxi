"""In go messages, out they go to a reader and from there to a runner: what each message with a kind takes."""


@cython.final
cdef class Plain:
    """A route whose messages need nothing but a call."""

    cdef object route
    cdef object call
    cdef bint needs_instance

    def __init__(self, route):
        self.route = route
        self.call = route.call
        self.needs_instance = route.needs_instance


@cython.final
cdef class Pipeline:
    cdef object _reader
    cdef object _read
    cdef object _runner
    cdef object _patience
    cdef dict _plain
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
        self._plain = {type_: Plain(route) for type_, route in reader.by_type.items() if route.is_plain}
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
        message = self.read(data)
        cdef Plain plain = self._plain.get(type(message))
        if plain is None:
            return self.take_slowly(ws, connection, message, data, instance, is_in_task)
        if self._patience.has_refused:
            self._patience.forgive(connection)
        ref = message.ref
        if ref is UNSET:
            ref = None
        else:
            PyObject_GenericSetAttr(message, "ref", UNSET)  # frozen payloads too
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

    cdef object take_slowly(self, ws, connection, message, data, instance, bint is_in_task):
        try:
            request = self._reader.requested(message, data)
        except Exception as error:
            return self._patience.refuse(ws, error, self.codec)
        if self._patience.has_refused:
            self._patience.forgive(connection)
        return self.run(ws, request, instance, is_in_task)

    cdef object run(self, ws, request, instance, bint is_in_task):
        return self._runner.run(ws, request, instance, self.codec, is_in_task=is_in_task)

    cdef object call(self, Plain plain, ws, connection, message, ref, instance, bint is_in_task):
        """Call the handler, and answer with what it returns if it does not wait."""
        cdef PyObject *result = NULL
        cdef bint is_stepped = False
        steps = None
        try:
            value = plain.call(ws, message, instance)
            if is_in_task and type(value) is CoroutineType:
                is_stepped = True
                if PyIter_Send(value, None, &result) != PYGEN_RETURN:
                    steps = value
                value = <object>result
                Py_DECREF(value)  # the reference that it came with
        except BaseException as error:
            return self._runner.raised(error, ws, self.request(plain, message, ref), self.codec)
        if steps is not None:
            return self._runner.suspended(steps, value, ws, self.request(plain, message, ref), self.codec)
        if value is None or type(value) is dict or isinstance(value, self._payload_type):
            if ref is None:
                return None
            payload = self.reply(value, ref)
            if payload is not None:
                if connection.push_encoded(self.opcode, payload) is DROPPED:
                    return self._runner.send_late(ws, payload, self.codec)
                return None
        request = self.request(plain, message, ref)
        if is_stepped:
            return self._runner.ended(value, ws, request, self.codec)
        return self._runner.returned(value, ws, request, self.codec, is_in_task=is_in_task)

    cdef object request(self, Plain plain, message, ref):
        return self._reader.request_of(plain.route, message, ref)

    cdef bytes reply(self, value, ref):
        """The answer that carries ``value``, or None: there is something wrong with it."""
        try:
            if self._encode is not None:
                if type(value) is dict:
                    return self.json_of_fields(ref, <dict>value)
                if isinstance(value, self._payload_type) and value.ref is UNSET:
                    return self.json_of_payload(ref, value)
            return self._runner.reply(value, ref, self.codec)
        except Exception:
            return None

    cdef bytes json_of_fields(self, ref, dict fields):
        if "kind" in fields or "ref" in fields or "error" in fields:
            return None
        try:
            data = self._dumps(fields, self._default, self._options)
        except TypeError:
            data = self.codec.encode(fields)
        return self.with_ref(b'{"kind":"reply","ref":', ref, data)

    cdef bytes json_of_payload(self, ref, payload):
        cdef bytes data = self._encode(payload)
        has_kind = data.startswith(b'{"kind":')  # no field can have the name
        return self.with_ref(b'{"ref":' if has_kind else b'{"kind":"reply","ref":', ref, data)

    cdef bytes with_ref(self, bytes head, ref, bytes object_):
        """One JSON object: ``head``, the ref, and what ``object_`` has; None if that is no object."""
        if PyBytes_GET_SIZE(object_) < 2 or PyBytes_AS_STRING(object_)[0] != c"{":
            return None
        cdef bytes number = self._encode(ref)
        cdef Py_ssize_t first = PyBytes_GET_SIZE(head), second = PyBytes_GET_SIZE(number)
        cdef Py_ssize_t rest = PyBytes_GET_SIZE(object_) - 1  # all but the brace that it begins with
        cdef bytes whole = PyBytes_FromStringAndSize(NULL, first + second + (rest > 1) + rest)
        cdef char *target = PyBytes_AS_STRING(whole)
        memcpy(target, PyBytes_AS_STRING(head), first)
        target += first
        memcpy(target, PyBytes_AS_STRING(number), second)
        target += second
        if rest > 1:
            target[0] = c","
            target += 1
        memcpy(target, PyBytes_AS_STRING(object_) + 1, rest)
        return whole


cdef bint is_busy(in_flight) except -1:
    """Whether handlers of a connection wait, which the next has to be counted among."""
    return in_flight is not None and not in_flight.is_empty
