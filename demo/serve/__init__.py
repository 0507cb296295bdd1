"""Live talking portraits over a WebSocket: :mod:`demo.serve.app`, ``facewright serve``."""
