/**
 * What: puts damaged files of a database right from backups: a file is replaced by one of equal identity, and so of
 * equal bytes, and by no other.
 *
 * The copy is verified in full, written under a temporary name, synced, renamed over the damaged file, and the
 * directory synced. Both files have one identity, so it does not matter which of them a power loss leaves.
 * Owns: the copy, until it has its name. Thread: main; pieces are read and written awaited.
 * Invariants: HEAL-1 a file is replaced only by one of the same database, number, salt and bytes that was verified in
 * full. HEAL-2 what a heal leaves is the damaged file or the whole one, never a part.
 */
import {
  checkFileIdentity, compareBytes, decodeFileHeader, directoryError, errnoOf, FILE_HEADER_BYTES, ioError, KiB, runAsync,
  tempFileName, VarveError,
} from '../base/index.js'
import type { Clock, FileHeader } from '../base/index.js'
import { backupNames, databaseDirectory, existingDirectory, holdsFiles, lockFor, namesIn } from '../directory/index.js'
import { UniqueNames } from '../engine/index.js'
import { isOk, Pace } from '../report/index.js'
import type { Problem, ToolReport } from '../report/index.js'
import { nameOfListed } from '../tables/index.js'
import type { ListedFile } from '../tables/index.js'
import { closeQuietly, HeldVfs, openFile, readFully, syncDirectory, syncFile, writeFully } from '../vfs/index.js'
import type { Vfs, VfsFile } from '../vfs/index.js'
import { Verification } from './verify-directory.js'
import { verifyFile } from './verify-file.js'
import type { CheckingCall, VerifyReport } from './verify-report.js'

/** A file that was replaced. */
export interface HealedFile {
  /** Its name in the directory of the database. */
  file: string
  /** The directory that it was taken from. */
  from: string
  /** Bytes of the file. */
  bytes: number
}

/** What was healed, and what is still wrong. */
export interface HealReport extends ToolReport {
  /** Files that are whole again. */
  healed: HealedFile[]
}

export interface HealCall extends CheckingCall {
  /** Directories of backups. */
  from: readonly string[]
}

export interface HealPlace {
  /** The directory's file system, as its holder sees it. */
  vfs: Vfs
  /** The file system that the backups are on. */
  backups: Vfs
  clock: Clock
  /** What an open database does about its files; null when nobody has it open. */
  owner: FileOwner | null
}

/** The open database whose files are healed. */
export interface FileOwner {
  /** Keeps a file until that is released. Null: it is needed no longer. */
  hold(file: ListedFile): { release(): void } | null
  /** Hears of a file that has its new bytes. */
  onHealed(file: ListedFile): void
  /** Makes the names in the directory durable. */
  syncNames(): Promise<void>
}

const PIECE_BYTES = 256 * KiB

/** Heals the closed database at a location. Rejects with LOCKED while it is open, NOT_FOUND without a database. */
export async function healDirectory(
  location: string, { vfs, clock }: Pick<HealPlace, 'vfs' | 'clock'>, call: HealCall,
): Promise<HealReport> {
  const { dir } = await databaseDirectory(location, vfs)
  const from = await findBackups(call.from, dir, vfs)
  const lock = await lockFor(dir, vfs)
  try {
    const held = { vfs: new HeldVfs(vfs, dir, lock), backups: vfs, clock, owner: null }
    return await healFiles(dir, held, { ...call, from })
  } finally {
    await lock.release()
  }
}

/**
 * Gives the directories to ask, those of a set from the newest to the oldest. Throws before anything is changed unless
 * each is a directory of its own.
 */
export async function findBackups(from: readonly string[], dir: string, vfs: Vfs): Promise<string[]> {
  const found: string[] = []
  for (const backup of from) {
    if ((await existingDirectory(backup, vfs)) === dir) {
      throw new VarveError('INVALID_ARGUMENT', `${backup} is the database itself, and no backup of it`)
    }
    const names = await namesIn(backup, vfs)
    const inSet = holdsFiles(names) ? [] : backupNames(names).reverse()
    found.push(...(inSet.length === 0 ? [backup] : inSet.map((name) => vfs.join(backup, name))))
  }
  return found
}

/**
 * Heals the files of a directory that nobody but its owner writes to. The report is what a second verification found.
 */
export async function healFiles(dir: string, place: HealPlace, call: HealCall): Promise<HealReport> {
  const { clock } = place
  const startMs = clock.nowMs()
  const first = await verify(dir, place, call)
  const healing = new Healing(dir, place, call, first.databaseId)
  for (const file of first.files) {
    call.check()
    await healing.heal(file)
  }
  const last = healing.healed.length === 0 ? first : await verify(dir, place, call)
  const problems = [...last.report.problems, ...healing.refused]
  const { level, entryCount, isDirect, ...report } = last.report
  void [level, entryCount, isDirect] // of no use to a heal
  return {
    ...report, tool: 'heal', startedMs: first.report.startedMs, durationMs: clock.nowMs() - startMs,
    problems, ok: isOk(problems), healed: healing.healed,
  }
}

async function verify(
  dir: string, { vfs, clock }: HealPlace, { bytesPerSecond, progress, check }: HealCall,
): Promise<{ report: VerifyReport; files: ListedFile[]; databaseId: Uint8Array | null }> {
  const call = { level: 'full', direct: false, bytesPerSecond, progress, check, onProblem: undefined } as const
  const verification = new Verification(dir, { vfs, clock }, call)
  try {
    const report = await verification.run()
    return { report, files: verification.damagedFiles(), databaseId: verification.databaseId }
  } finally {
    await verification.close()
  }
}

class Healing {
  readonly healed: HealedFile[] = []
  /** Files of backups that have the right name and are others. */
  readonly refused: Problem[] = []
  private readonly dir: string
  private readonly vfs: Vfs
  private readonly backups: Vfs
  private readonly clock: Clock
  private readonly owner: FileOwner | null
  private readonly call: HealCall
  private readonly databaseId: Uint8Array | null
  private readonly pace: Pace
  private readonly names: UniqueNames

  constructor(dir: string, { vfs, backups, clock, owner }: HealPlace, call: HealCall, databaseId: Uint8Array | null) {
    this.dir = dir
    this.vfs = vfs
    this.backups = backups
    this.clock = clock
    this.owner = owner
    this.call = call
    this.databaseId = databaseId
    this.pace = new Pace(clock, call.bytesPerSecond)
    this.names = new UniqueNames(clock)
  }

  /** Replaces a file from the first backup that has it, if one does. */
  async heal(file: ListedFile): Promise<void> {
    const hold = this.owner?.hold(file)
    if (hold === null) return
    try {
      for (const from of this.call.from) {
        if (!(await this.isGood(file, from))) continue
        await this.replace(file, from)
        this.healed.push({ file: nameOfListed(file), from, bytes: file.facts.bytes })
        this.owner?.onHealed(file)
        return
      }
    } finally {
      hold?.release()
    }
  }

  /** True when the backup has the file, and it is whole; another file of its number is told. */
  private async isGood(file: ListedFile, from: string): Promise<boolean> {
    const other = await this.findOther(file, from)
    if (other !== null) {
      this.refused.push(this.refusal(file, from, other))
      return false
    }
    const place = { vfs: this.backups, dir: from, databaseId: this.databaseId! }
    const { problems, isMissing } = await verifyFile(place, file, this.clock, (bytes) => this.step(bytes))
    return !isMissing && problems.every(({ severity }) => severity === 'waste')
  }

  private step(bytes: number): Promise<void> {
    this.call.check()
    this.call.progress.add(bytes)
    return this.pace.take(bytes, () => this.call.check())
  }

  /** Tells why the backup's file of this name is another one; null when it is not, or cannot be told. */
  private async findOther(file: ListedFile, from: string): Promise<string | null> {
    const name = nameOfListed(file)
    const magic = file.kind === 'table' ? 'varvetab' : name.endsWith('.wal') ? 'varvelog' : 'varvevlg'
    const bytes = new Uint8Array(FILE_HEADER_BYTES)
    try {
      const source = await runAsync(openFile(this.backups, this.backups.join(from, name), 'read'))
      try {
        await runAsync(readFully(source, bytes, bytes.length))
      } finally {
        await runAsync(closeQuietly(source))
      }
      const header = decodeFileHeader(bytes, magic, name)
      return isMeant(name, header, file, this.databaseId!) ? null : this.otherOwner(header)
    } catch (error) {
      if (VarveError.is(error) || errnoOf(error) === 'ENOENT') return null
      throw ioError(error, 'read', name, this.vfs.join(from, name))
    }
  }

  private otherOwner({ databaseId }: FileHeader): string {
    const isOurs = compareBytes(databaseId, this.databaseId!) === 0
    return isOurs ? 'another history of this database made it' : 'it belongs to another database'
  }

  private refusal(file: ListedFile, from: string, why: string): Problem {
    const name = nameOfListed(file)
    return {
      code: 'OTHER_HISTORY', severity: 'suspicion', file: name, offset: null, bytes: null, from: null, to: null,
      message: `${this.vfs.join(from, name)} has the number of the damaged file and is another one: ${why}`,
      consequence: 'it was not taken: its entries are not those of this database',
      advice: 'give a backup that was made of this directory',
    }
  }

  private async replace(file: ListedFile, from: string): Promise<void> {
    const { vfs, backups, dir, names } = this
    const name = nameOfListed(file)
    const temp = vfs.join(dir, tempFileName(name, names.next()))
    try {
      const source = await runAsync(openFile(backups, backups.join(from, name), 'read'))
      try {
        const target = await runAsync(openFile(vfs, temp, 'create'))
        try {
          await this.copy(source, target, file.facts.bytes, name)
          await runAsync(syncFile(target))
        } finally {
          await runAsync(closeQuietly(target))
        }
      } finally {
        await runAsync(closeQuietly(source))
      }
      await vfs.rename(temp, vfs.join(dir, name))
    } catch (error) {
      await vfs.unlink(temp).catch(() => undefined)
      throw error instanceof Error && errnoOf(error) !== '' ? ioError(error, 'heal', name) : error
    }
    await this.syncNames()
  }

  private async syncNames(): Promise<void> {
    if (this.owner !== null) return this.owner.syncNames()
    try {
      await runAsync(syncDirectory(this.vfs, this.dir))
    } catch (error) {
      throw directoryError(error, 'sync', this.dir)
    }
  }

  private async copy(source: VfsFile, target: VfsFile, bytes: number, name: string): Promise<void> {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, bytes))
    for (let at = 0; at < bytes;) {
      const count = await runAsync(readFully(source, piece, Math.min(piece.length, bytes - at), at))
      if (count === 0) throw new VarveError('CORRUPTION', `the backup's ${name} was cut while it was copied`)
      await runAsync(writeFully(target, piece, 0, count, at))
      at += count
      await this.step(count)
    }
  }
}

/** True when the header is that of the file: also of one that was ingested, whose header no database wrote. */
function isMeant(name: string, header: FileHeader, { facts }: ListedFile, databaseId: Uint8Array): boolean {
  try {
    checkFileIdentity(name, header, facts, databaseId)
    return true
  } catch (error) {
    if (!VarveError.is(error)) throw error
    return false
  }
}
