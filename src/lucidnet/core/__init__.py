"""The ground floor: values, trees of arrays, files, prefetching; nothing here knows about layers."""
