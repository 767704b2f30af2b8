"""Sources on the web: requests that reach permitted hosts only, playlists read on the way to libav."""
