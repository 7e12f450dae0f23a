"""In go messages and frames, out they go to a transport in few writes: the writing half of a connection."""

# See outlet.py.
cdef enum:
    LARGE_PAYLOAD = 64 * 1024

cdef object SUCCESS = SendStatus.SUCCESS
cdef object BACKPRESSURE = SendStatus.BACKPRESSURE
cdef object DROPPED = SendStatus.DROPPED

# More than any memory; twice of it, and a message, are still a number of 64 bits.
MOST_BYTES = 2**60


cdef class OutboxCore:
    cdef public object _transport
    cdef readonly Flusher _turn
    cdef public list _frames
    cdef public long long _queued
    cdef long long _held
    cdef public bytes _pong
    cdef public int _corks
    cdef public int _descriptor
    cdef bint _is_empty
    cdef public int _senders
    cdef public bint _is_gathering
    cdef public bint _is_pressed
    cdef public bint _writable
    cdef public bint is_open
    cdef public long long limit
    cdef public long long max_backpressure

    def __init__(self, transport, Flusher turn not None, limit, max_backpressure, int descriptor=-1):
        self._transport = transport
        self._descriptor = descriptor
        self._turn = turn
        self._writable = True
        self.is_open = True
        self.limit = min(limit, MOST_BYTES)
        self.max_backpressure = min(max_backpressure, MOST_BYTES)

    @property
    def amount(self):
        return self.waiting()

    @property
    def is_full(self):
        return self.is_over()

    cdef long long waiting(self) except? -1:
        return self._queued + self.held_by_transport()

    cdef long long held_by_transport(self) except? -1:
        if self._is_empty:
            return 0
        cdef long long held = self._transport.get_write_buffer_size()
        self._is_empty = self._descriptor >= 0 and not held
        return held

    cdef bint is_over(self) except? -1:
        if self._writable and self._queued + self._held <= self.limit:
            return False
        return self.waiting() > self.limit

    def takes(self, Py_ssize_t size):
        return self.is_open and self.has_room_for(size)

    cdef bint has_room_for(self, Py_ssize_t size) except -1:
        if self._writable and size + 2 * self.limit <= self.max_backpressure:
            return True
        cdef long long waiting = self.waiting()
        return not waiting or waiting + size <= self.max_backpressure

    def push(self, uint8_t opcode, payload):
        cdef Payload data
        bytes_of = read_payload(&data, payload)
        if not self.is_open or not self.has_room_for(data.size):
            return self.refuse(opcode, PyBytes_FromStringAndSize(data.start, data.size))
        return self.status_of(self.send_payload(opcode, bytes_of, &data, payload))

    def send_at_once(self, uint8_t opcode, payload):
        cdef Payload data
        if not self.is_open or self.must_wait():
            return False
        self.send_payload(opcode, read_payload(&data, payload), &data, payload)
        return True

    cdef bint send_payload(self, uint8_t opcode, payload, const Payload *data, said) except -1:
        if data.size < LARGE_PAYLOAD or type(payload) not in (bytes, str):
            return self.send(self._turn.frame_said(opcode, data, said))
        if type(payload) is str:
            payload = memoryview(TextBytes(payload))
        return self.add_large(header_of(opcode | FIN, data.size), payload, data.size)

    cdef bint add_large(self, bytes header, payload, Py_ssize_t size) except -1:
        """Add both as one: nothing may come in between."""
        if self._frames is None:
            self.begin(header)
        else:
            self._frames.append(header)
        self._frames.append(payload)
        self._queued += PyBytes_GET_SIZE(header) + size
        return self.added()

    cdef int begin(self, bytes frame) except -1:
        self._frames = [frame]
        self._held = self.held_by_transport()
        if not self._is_gathering:
            self.gather()
        return 0

    cdef bint added(self) except -1:
        if self._queued > self.limit and self._writable:
            self.write_waiting()
        return self.is_over()

    @property
    def is_contended(self):
        return self.must_wait()

    cdef bint must_wait(self) except -1:
        return self._senders > 0 or self.is_over()

    def push_frame(self, bytes frame not None):
        return self.status_of(self.send(frame))

    def post_frame(self, bytes frame not None, Py_ssize_t size):
        if not self.is_open or not self.has_room_for(size):
            return None
        return self.status_of(self.add(frame))

    cdef object status_of(self, bint is_full):
        if not is_full:
            return SUCCESS
        self._is_pressed = True
        return BACKPRESSURE

    def refuse(self, opcode, payload):
        return DROPPED

    def write(self, bytes frame not None):
        return self.send(frame)

    cdef bint send(self, bytes frame) except? -1:
        if self._is_gathering or self._corks or not self._writable or self._turn.is_reading:
            return self.add(frame)
        self.hand_over(frame)
        self.gather()
        return self.is_over()

    def post(self, bytes frame not None):
        return self.add(frame)

    def let_go(self, *, bint is_live=False):
        self.release(is_live)

    cdef int release(self, bint is_live) except -1:
        self._is_gathering = False
        if not self._corks:
            if is_live and self._descriptor >= 0:
                self.write_directly()
            self.flush()
        return 0

    def _flush(self):
        self.flush()

    def _flushed(self):
        pass

    def _write_waiting(self):
        self.write_waiting()

    def _hand_over(self, data):
        self.hand_over(data)

    def _take_frames(self):
        return self.take_frames()

    cdef bint add(self, bytes frame) except -1:
        if self._frames is None:
            self.begin(frame)
        else:
            self._frames.append(frame)
        self._queued += PyBytes_GET_SIZE(frame)
        return self.added()

    cdef int gather(self) except -1:
        self._is_gathering = True
        self._turn.add(self)
        return 0

    cdef int flush(self) except -1:
        self.write_waiting()
        if self._is_pressed:
            self._flushed()
        return 0

    cdef int write_waiting(self) except -1:
        while self._frames is not None and self._writable:
            self.hand_over(self.next_batch(self._frames))
        if self._pong is not None and self._writable:
            pong, self._pong = self._pong, None
            self.hand_over(pong)
        return 0

    cdef int hand_over(self, data) except -1:
        self._is_empty = False
        self._transport.write(data)
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

    cdef list take_frames(self):
        frames, self._frames = self._frames, None
        self._queued = 0
        return frames


@cython.final
@cython.no_gc  # what it refers to is a text
cdef class TextBytes:
    """The bytes of a text that is ASCII, which are its UTF-8: a view of them is no copy."""

    cdef str _text

    def __init__(self, str text not None):
        self._text = text

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(
            view, self, PyUnicode_1BYTE_DATA(self._text), PyUnicode_GET_LENGTH(self._text), True, flags
        )
