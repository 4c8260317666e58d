"""The ground floor: values, trees of arrays, files, threads that work ahead; nothing here knows a layer."""
