/**
 * What: file-system errors as the platform makes them, for file systems that are not the platform's.
 */

const reasons: Record<string, string> = {
  EACCES: 'permission denied',
  EBADF: 'bad file descriptor',
  EBUSY: 'resource busy or locked',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'file already exists',
  EFBIG: 'file too large',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ELOOP: 'too many symbolic links encountered',
  EMFILE: 'too many open files',
  ENFILE: 'file table overflow',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EPERM: 'operation not permitted',
  EXDEV: 'cross-device link not permitted',
}

/** An error with an errno name in `code`; it is not a VarveError, the engine wraps it. */
export class FileSystemError extends Error {
  /** The errno name. */
  readonly code: string
  /** The operation that failed. */
  readonly syscall: string
  /** The path on which it failed. */
  readonly path: string

  /** Makes an error whose message names all three. */
  constructor(code: string, syscall: string, path: string, why?: string) {
    super(`${code}: ${why ?? reasons[code] ?? 'failed'}, ${syscall} '${path}'`)
    this.name = 'FileSystemError'
    this.code = code
    this.syscall = syscall
    this.path = path
  }
}
