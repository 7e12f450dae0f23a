"""The native build of the wire: one extension module, ``core``, which is there if it could be compiled.

Its classes have the names and the interfaces of the pure modules beside this folder, which are the
reference and the types. What both share (messages, errors, negotiation, zlib) stays Python.
"""
