"""Lists of clips in circulation: how a file is written, and what its labels mean."""
from .dialects import Dialect, tell_label_base
from .list_files import ListFile, ListRow, read_list_file

__all__ = ['Dialect', 'ListFile', 'ListRow', 'read_list_file', 'tell_label_base']
