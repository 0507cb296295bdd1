"""Speech to features at the video's frame rate."""

from gen.audio.encoder import AudioEncoder, load_encoder

__all__ = ["AudioEncoder", "load_encoder"]
