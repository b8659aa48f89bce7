/**
 * What: the lines typed in earlier shells, in a file of the user's state folder that only the user can read.
 * Keys and values stand in it, so it never lies in a database directory: that one may be given away.
 * Owns: the file. What cannot be read or written is no error; then there is no history.
 */
import * as fs from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

const LINES_MAX = 1000
const LINE_CHARACTERS_MAX = 10_000

/** The user's folder for what programs remember. */
export function stateFolder(env: NodeJS.ProcessEnv): string {
  const { XDG_STATE_HOME, LOCALAPPDATA } = env
  if (XDG_STATE_HOME !== undefined && path.isAbsolute(XDG_STATE_HOME)) return XDG_STATE_HOME
  if (LOCALAPPDATA !== undefined && path.isAbsolute(LOCALAPPDATA)) return LOCALAPPDATA
  return path.join(homedir(), '.local', 'state')
}

export class History {
  private readonly file: string
  private readonly databaseDir: string
  private readonly typed: string[] = []

  /** `databaseDir` is absolute and without links; a history inside of it is not saved. */
  constructor(folder: string, databaseDir: string) {
    this.file = path.join(folder, 'varve', 'history')
    this.databaseDir = databaseDir
  }

  /** Reads the lines, oldest first. */
  load(): string[] {
    try {
      return fs.readFileSync(this.file, 'utf8').split('\n').filter((line) => line !== '')
    } catch {
      return []
    }
  }

  add(line: string): void {
    if (line.trim() !== '' && line.length <= LINE_CHARACTERS_MAX) this.typed.push(line)
  }

  /** Adds what was typed to what other shells may have saved meanwhile. */
  save(): void {
    if (this.typed.length === 0) return
    try {
      if (this.isInDatabase()) return
      fs.mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 })
      this.replace([...this.load(), ...this.typed].filter((line, i, all) => line !== all[i + 1]))
    } catch {
      // A history that cannot be written is no error.
    }
  }

  private replace(lines: readonly string[]): void {
    const temp = `${this.file}.${process.pid}`
    try {
      fs.writeFileSync(temp, `${lines.slice(-LINES_MAX).join('\n')}\n`, { mode: 0o600, flag: 'wx' })
      fs.renameSync(temp, this.file)
    } catch {
      fs.rmSync(temp, { force: true })
    }
  }

  private isInDatabase(): boolean {
    const way = path.relative(this.databaseDir, realPath(path.dirname(this.file)))
    return way === '' || (way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way))
  }
}

/** Resolves the links of a path, as far as it exists. */
function realPath(folder: string): string {
  for (let known = folder; ; known = path.dirname(known)) {
    if (fs.existsSync(known)) return path.join(fs.realpathSync(known), path.relative(known, folder))
  }
}
