//! A saved bundle put to work: encode, retrieve, fuse, filter, explain.
