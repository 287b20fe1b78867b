//! Nearest-neighbour search over vectors, with filters.
