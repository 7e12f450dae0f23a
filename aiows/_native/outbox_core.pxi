"""Frames on their way to a transport that takes them, in few writes: the hot half of an `Outbox`."""

# See connection/outbox_core.py, which has the reasons, too.
cdef enum:
    LARGE_PAYLOAD = 64 * 1024

cdef object SUCCESS = SendStatus.SUCCESS
cdef object BACKPRESSURE = SendStatus.BACKPRESSURE
cdef object DROPPED = SendStatus.DROPPED
cdef str WRITE = "write"

# More than any memory; twice of it, and a message, are still a number of 64 bits.
cdef long long MOST_BYTES = 2**60


cdef Py_ssize_t payload_size(bytes frame) except -1:
    """How much of a whole frame of ours is behind its header (RFC 6455, section 5.2)."""
    cdef Py_ssize_t size = size_of(frame)
    if size < 2:
        raise ValueError(f"{frame!r} is no frame")
    cdef uint8_t length = PyBytes_AS_STRING(frame)[1]
    return size - (2 if length < 126 else 4 if length == 126 else 10)


cdef bytes frame_in(message):
    frame = message.plain
    return message.frame if frame is None else frame


cdef class OutboxCore:
    cdef public object _transport
    cdef readonly Flusher _flusher
    cdef public list _frames
    cdef public object _backlog
    cdef public long long _queued
    cdef long long _held
    cdef readonly long long _threshold
    cdef public int _corks
    cdef public int _descriptor
    cdef bint _is_empty
    cdef public bint _is_gathering
    cdef public bint _is_pressed
    cdef public bint _writable
    cdef public bint is_open
    cdef public long long limit
    cdef public long long max_backpressure

    def __init__(
        self,
        transport,
        Flusher flusher not None,
        limit,
        max_backpressure,
        int descriptor=-1,
        threshold=sys.maxsize,
    ):
        self._transport = transport
        self._descriptor = descriptor
        self._flusher = flusher
        self._writable = True
        self._threshold = min(threshold, MOST_BYTES)
        self.is_open = True
        self.limit = min(limit, MOST_BYTES)
        self.max_backpressure = min(max_backpressure, MOST_BYTES)

    # how full it is

    @property
    def amount(self):
        return self.waiting()

    cdef long long waiting(self) except? -1:
        cdef long long backlog = 0 if self._backlog is None else self._backlog.size
        return self._queued + backlog + self.held_by_transport()

    def _held_by_transport(self):
        return self.held_by_transport()

    cdef long long held_by_transport(self) except? -1:
        if self._is_empty:
            return 0
        cdef long long held = self._transport.get_write_buffer_size()
        self._is_empty = self._descriptor >= 0 and not held
        return held

    @property
    def is_full(self):
        return self.is_over()

    cdef bint is_over(self) except? -1:
        if self._writable and self._queued + self._held <= self.limit:
            return False
        self.write_gathered()
        return self.waiting() > self.limit

    cdef bint takes(self, Py_ssize_t size) except -1:
        return self.is_open and self.has_room_for(size) and self._writable

    def _has_room_for(self, Py_ssize_t size):
        return self.has_room_for(size)

    cdef bint has_room_for(self, Py_ssize_t size) except -1:
        if self._writable and size + 2 * self.limit <= self.max_backpressure:
            return True
        if self._queued and self.waiting() + size > self.max_backpressure:
            self.write_gathered()
        cdef long long waiting = self.waiting()
        return not waiting or waiting + size <= self.max_backpressure

    # messages

    def push(self, uint8_t opcode, payload):
        return self.push_payload(opcode, payload)

    cdef object push_payload(self, uint8_t opcode, payload):
        cdef Payload data
        bytes_of = read_payload(&data, payload)
        if not self.takes(data.size):
            return self._push_late(opcode, PyBytes_FromStringAndSize(data.start, data.size))
        return self.status_of(opcode, data.size, self.send_payload(opcode, bytes_of, &data, payload))

    def try_push(self, uint8_t opcode, payload):
        cdef Payload data
        bytes_of = read_payload(&data, payload)
        if self.takes(data.size):
            return self.status_of(opcode, data.size, self.send_payload(opcode, bytes_of, &data, payload))
        if not self.is_open or not self.has_room_for(data.size):
            return DROPPED
        return self._push_late(opcode, PyBytes_FromStringAndSize(data.start, data.size))

    def push_message(self, message):
        cdef Py_ssize_t size = size_of(message.payload)
        if not self.takes(size):
            return self._push_message_late(message)
        if self.is_plain(message, size):
            is_full = self.send(frame_in(message))
        else:
            is_full = self._send_chosen(message)
        return self.status_of(message.opcode, size, is_full)

    def push_shared(self, message):
        if self._threshold == MOST_BYTES:
            return self.push_plain(message, message.plain)
        cdef Py_ssize_t size = size_of(message.payload)
        if not self.takes(size):
            return self._push_message_late(message)
        if self.is_plain(message, size):
            is_full = self.gather(frame_in(message))
        else:
            is_full = self._gather_chosen(message)
        return self.status_of(message.opcode, size, is_full)

    cdef object push_plain(self, message, bytes frame):
        """Send what is not compressed, or only if it says so itself, to many."""
        if frame is None:
            frame = message.frame
        cdef Py_ssize_t size = payload_size(frame)
        if not self.takes(size):
            return self._push_message_late(message)
        return self.status_of(PyBytes_AS_STRING(frame)[0] & 0x0F, size, self.gather(frame))

    def send_at_once(self, uint8_t opcode, payload):
        cdef Payload data
        if not self.is_open or not self._writable or self._backlog is not None or self.is_over():
            return False
        self.send_payload(opcode, read_payload(&data, payload), &data, payload)
        self.count(opcode, data.size)
        return True

    def write(self, bytes frame not None):
        if self._writable:
            self.send(frame)
        else:
            self._write_late(frame)

    cdef bint send_payload(self, uint8_t opcode, payload, const Payload *data, said) except -1:
        if data.size >= self._threshold:
            return self._send_deflated(opcode, PyBytes_FromStringAndSize(data.start, data.size))
        if data.size < LARGE_PAYLOAD or type(payload) not in (bytes, str):
            return self.send(self._flusher.frame_said(opcode, data, said))
        if type(payload) is str:
            payload = memoryview(TextBytes(payload))
        self.enqueue(header_of(opcode | FIN, data.size))
        self._frames.append(payload)
        self._queued += data.size
        return self.is_over()

    cdef bint is_plain(self, message, Py_ssize_t size) except -1:
        return message.compress is None and size < self._threshold

    def _is_plain(self, message):
        return self.is_plain(message, size_of(message.payload))

    cdef int count(self, int opcode, Py_ssize_t size) except -1:
        cdef Counters counters = self._flusher.counters
        counters.messages_out += 1
        counters.bytes_out += <unsigned long long>size
        if self._flusher.observer is not None:
            self._observed(opcode, size)
        return 0

    def _count(self, opcode, size):
        self.count(opcode, size)

    def _observed(self, opcode, size):
        pass

    cdef object status_of(self, int opcode, Py_ssize_t size, bint is_full):
        self.count(opcode, size)
        if not is_full:
            return SUCCESS
        self._is_pressed = True
        return BACKPRESSURE

    def _status(self, int opcode, Py_ssize_t size, *, bint is_full):
        return self.status_of(opcode, size, is_full)

    # what a subclass does

    def _push_late(self, opcode, payload):
        raise NotImplementedError

    def _push_message_late(self, message):
        raise NotImplementedError

    def _write_late(self, frame):
        raise NotImplementedError

    def _send_deflated(self, opcode, payload):
        raise NotImplementedError

    def _send_chosen(self, message):
        raise NotImplementedError

    def _gather_chosen(self, message):
        raise NotImplementedError

    def _flushed(self):
        raise NotImplementedError

    def broke(self, error):
        raise NotImplementedError

    # frames

    def _send(self, bytes frame not None):
        return self.send(frame)

    cdef bint send(self, bytes frame) except? -1:
        if self._is_gathering or self._corks or self._flusher.is_reading:
            return self.gather(frame)
        self.hand_over(frame)
        self.join()
        return self.is_over()

    def _gather(self, bytes frame not None):
        return self.gather(frame)

    cdef bint gather(self, bytes frame) except? -1:
        self.enqueue(frame)
        return self.is_over()

    def _enqueue(self, bytes frame not None):
        self.enqueue(frame)

    cdef int enqueue(self, bytes frame) except -1:
        cdef Py_ssize_t size = size_of(frame)
        if self._frames is None:
            self._frames = [frame]
            self._held = self.held_by_transport()
            self.join()
        else:
            self._frames.append(frame)
        self._queued += size
        return 0

    def _join(self):
        self.join()

    cdef int join(self) except -1:
        if not self._is_gathering:
            self._is_gathering = True
            self._flusher.add(self)
        return 0

    def let_go(self, *, bint is_live=False):
        self.release(is_live)

    cdef int release(self, bint is_live) except -1:
        self._is_gathering = False
        if not self._corks:
            if is_live and self._descriptor >= 0:
                self.write_directly()
            self.write_gathered()
        if self._is_pressed or self._backlog is not None:
            self._flushed()
        return 0

    def _write_gathered(self):
        self.write_gathered()

    cdef int write_gathered(self) except -1:
        while self._frames is not None and self._writable:
            self.hand_over(self.next_batch(self._frames))
        return 0

    def _hand_over(self, data):
        self.hand_over(data)

    cdef int hand_over(self, data) except -1:
        self._is_empty = False
        cdef PyObject *written = PyObject_CallMethodOneArg(self._transport, WRITE, data)
        if written is NULL:
            return self.failed()
        Py_DECREF(<object>written)
        return 0

    cdef int failed(self) except -1:
        try:
            raise_pending()
        except Exception as error:
            self.broke(error)
        return 0

    cdef int write_directly(self) except -1:
        if self._frames is None or not self._writable or self._queued > self.limit:
            return 0
        if self.held_by_transport() or self._transport.is_closing():
            return 0
        batch = self.next_batch(self._frames)
        cdef Py_ssize_t sent = -1
        if type(batch) is bytes:
            sent = send_now(self._descriptor, PyBytes_AS_STRING(batch), <size_t>PyBytes_GET_SIZE(batch))
        if sent < len(batch):
            self.hand_over(batch[max(sent, 0):])
        return 0

    cdef object next_batch(self, list frames):
        cdef long long size = 0
        cdef Py_ssize_t count = 0
        if self._queued <= self.limit or len(frames) == 1:
            self.take_frames()
            return frames[0] if len(frames) == 1 else b"".join(frames)
        while count < len(frames) and (size < self.limit or not count):
            if count and len(frames[count]) >= LARGE_PAYLOAD:
                break
            size += len(frames[count])
            count += 1
        batch = b"".join(frames[:count])
        del frames[:count]
        self._queued -= size
        if not frames:
            self._frames = None
        return batch

    def _take_frames(self):
        return self.take_frames()

    cdef list take_frames(self):
        frames, self._frames = self._frames, None
        self._queued = 0
        return frames


@cython.final
@cython.no_gc  # what it refers to is a text
cdef class TextBytes:
    """The bytes of a text that is ASCII, which are its UTF-8: a view of them is no copy."""

    cdef str _text

    def __cinit__(self, str text not None):
        self._text = text

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(
            view, self, PyUnicode_1BYTE_DATA(self._text), PyUnicode_GET_LENGTH(self._text), True, flags
        )
