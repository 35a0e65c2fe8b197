"""What can be wrong with a user's data, as errors whose message stands alone."""


class DatasetError(ValueError):
    """A data set that cannot be used: a missing folder, an unreadable list, labels that cannot be told."""


class BadClipError(ValueError):
    """One clip that cannot be read: no frames, a frame or video that does not decode."""
