/**
 * What: the options of checkpoints, backups and restores as users give them, and which way they go.
 */
import {
  checkChoice, checkFlag, invalidArgument, keepAliveUntil, systemClock, systemRandom, takeOptions, toHex,
} from '../base/index.js'
import type { Clock } from '../base/index.js'
import { CHECKPOINT_LOGS, CHECKPOINT_MODES } from '../checkpoint/index.js'
import type {
  BackupInfo, BackupResult, BackupSource, CheckpointCall, CheckpointLogs, CheckpointMode, CheckpointResult,
  RestoreReport,
} from '../checkpoint/index.js'
import { Engine, Operations, UniqueNames } from '../engine/index.js'
import { ReadOnlyView } from '../open/index.js'
import type { ReadView } from '../read/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { atLocation, checkLocation, diskError } from './location.js'
import { checkToolFields, takeToolFields, TOOL_OPTION_NAMES } from './tool-options.js'
import type { ToolOptions } from './tool-options.js'
import { useTools } from './use-tools.js'
import type { Tools } from './use-tools.js'

const KEEP_DEFAULT = 14
const FULL_EVERY_DEFAULT = 30
const COUNT_MAX = 1_000_000

/** Options of `db.checkpoint`. */
export interface CheckpointOptions extends ToolOptions {
  /** Links where possible by 'auto', the default; 'link' fails where there can be none; 'copy' copies all. */
  mode?: CheckpointMode | undefined
  /**
   * What becomes of writes that are in logs only. 'keep': the logs are taken along; 'flush': they are written to tables
   * first; 'auto', the default: kept below 64 MiB on the volume of the database.
   */
  logs?: CheckpointLogs | undefined
  /** A checkpoint of this database on the target's volume: files that it has too are linked to it, not copied. */
  base?: string | undefined
  /** True: every byte that was copied, and every file of `base` that is linked, is read back and checked. */
  verify?: boolean | undefined
}

/** Options of `Varve.checkpoint`. */
export interface CheckpointFromOptions extends Omit<CheckpointOptions, 'logs'> {
  /** The file system; by default the platform's. */
  vfs?: Vfs | undefined
}

/** Options of `Varve.backup`. */
export interface BackupOptions extends ToolOptions, Pick<CheckpointOptions, 'logs' | 'verify'> {
  /** How many backups stay: 1 to 1,000,000, by default 14. */
  keep?: number | undefined
  /**
   * After so many backups one shares no file with those before it, so that a rotten sector does not rot all of them: 1
   * to 1,000,000, by default 30.
   */
  fullEvery?: number | undefined
}

/** Options of `Varve.restore`. */
export interface RestoreOptions extends ToolOptions {
  /** Whether files are copied, the default, or are links to those of the backup by 'link'. */
  mode?: 'copy' | 'link' | undefined
  /** The file system; by default the platform's. */
  vfs?: Vfs | undefined
}

const CHECKPOINT_NAMES = ['mode', 'logs', 'base', 'verify', ...TOOL_OPTION_NAMES]

type GivenCheckpoint = CheckpointOptions & { vfs?: Vfs | undefined }

/** Begins to watch the signal: the caller goes on to the call. Throws INVALID_ARGUMENT. */
function checkCheckpoint(given: GivenCheckpoint): CheckpointCall {
  const mode = oneOf('mode', CHECKPOINT_MODES, given.mode)
  const logs = oneOf('logs', CHECKPOINT_LOGS, given.logs)
  const base = given.base === undefined ? null : checkLocation(given.base)
  const verify = checkFlag(given.verify, 'verify') ?? false
  return { mode, logs, base, verify, ...checkToolFields(given) }
}

function takeCheckpoint(given: GivenCheckpoint): GivenCheckpoint {
  const { mode, logs, base, verify, vfs } = given
  return { mode, logs, base, verify, vfs, ...takeToolFields(given) }
}

export async function checkpointView(
  view: ReadView, target: unknown, options: CheckpointOptions = {},
): Promise<CheckpointResult> {
  const path = checkLocation(target)
  const call = checkCheckpoint(takeOptions('checkpoint', CHECKPOINT_NAMES, options, takeCheckpoint))
  const made = useTools(call.abort, (tools) => checkpointOf(tools, view, path, call))
  return keepAlive(made, 'checkpoint', path, view.clock)
}

/** A read-only view is copied from outside, as its writer does not know of it. */
async function checkpointOf(
  { checkpointDirectory, checkpointEngine }: Tools, view: ReadView, target: string, call: CheckpointCall,
): Promise<CheckpointResult> {
  if (view instanceof Engine) return checkpointEngine(view, target, call)
  const { dir, clock, operations, reading } = view as ReadOnlyView
  const { vfs, options: { random, maxOpenFiles } } = reading
  return checkpointDirectory({ vfs, dir, clock, operations, random, maxOpenFiles }, target, call)
}

export async function checkpointLocation(
  location: unknown, target: unknown, options: CheckpointFromOptions = {},
): Promise<CheckpointResult> {
  const [dir, path] = [checkLocation(location), checkLocation(target)]
  const names = [...CHECKPOINT_NAMES.filter((name) => name !== 'logs'), 'vfs']
  const { vfs = new NodeVfs(), ...given } = takeOptions('checkpoint', names, options as GivenCheckpoint, takeCheckpoint)
  const call = checkCheckpoint(given)
  const place = { vfs, dir, clock: systemClock, operations: new Operations(systemClock), random: systemRandom }
  const made = useTools(call.abort, ({ checkpointDirectory }) => checkpointDirectory(place, path, call))
  return keepAlive(made, 'checkpoint', dir)
}

export async function backUpDatabase(
  view: ReadView, set: unknown, options: BackupOptions = {},
): Promise<BackupResult> {
  const location = checkLocation(set)
  const names = ['keep', 'fullEvery', 'logs', 'verify', ...TOOL_OPTION_NAMES]
  const given = takeOptions('backup', names, options, (it) => {
    const { keep, fullEvery, logs, verify } = it
    return { keep, fullEvery, logs, verify, ...takeToolFields(it) }
  })
  const keep = checkCount('keep', given.keep ?? KEEP_DEFAULT)
  const fullEvery = checkCount('fullEvery', given.fullEvery ?? FULL_EVERY_DEFAULT)
  const verify = checkFlag(given.verify, 'verify') ?? true
  const logs = oneOf('logs', CHECKPOINT_LOGS, given.logs)
  const call = { keep, fullEvery, verify, logs, ...checkToolFields(given) }
  const made = useTools(call.abort, (tools) => tools.backUp(backupSource(tools, view), location, call))
  return keepAlive(made, 'backup', location, view.clock)
}

function backupSource(tools: Tools, view: ReadView): BackupSource {
  const checkpoint = (target: string, call: CheckpointCall) => checkpointOf(tools, view, target, call)
  if (view instanceof Engine) {
    const { vfs, dir, origin, names } = view.setup
    const uniqueSuffix = (): string => names.next()
    return { vfs: vfs.inner, dir, database: toHex(origin.databaseId), uniqueSuffix, checkpoint }
  }
  const { dir, reading: { vfs }, sight: { databaseId }, clock } = view as ReadOnlyView
  const names = new UniqueNames(clock)
  return { vfs, dir, database: toHex(databaseId), uniqueSuffix: () => names.next(), checkpoint }
}

export function backupsIn(set: string, options: { vfs?: Vfs }): Promise<BackupInfo[]> {
  return atLocation('backups', set, options, (vfs, path) => useTools(null, (tools) => tools.listBackups(vfs, path)))
}

export async function restoreBackup(
  backup: unknown, target: unknown, options: RestoreOptions = {},
): Promise<RestoreReport> {
  const [from, path] = [checkLocation(backup), checkLocation(target)]
  const given = takeOptions('restore', ['mode', 'vfs', ...TOOL_OPTION_NAMES], options, (it) =>
    ({ mode: it.mode, vfs: it.vfs, ...takeToolFields(it) }))
  const mode = oneOf('mode', ['copy', 'link'] as const, given.mode)
  const place = { vfs: given.vfs ?? new NodeVfs(), clock: systemClock, random: systemRandom, backup: from }
  const call = { mode, ...checkToolFields(given) }
  return keepAlive(useTools(call.abort, ({ restore }) => restore(place, path, call)), 'restore', from)
}

async function keepAlive<T>(
  work: Promise<T>, operation: string, location: string, clock: Clock = systemClock,
): Promise<T> {
  try {
    return await keepAliveUntil(clock, work)
  } catch (error) {
    throw diskError(error, operation, location)
  }
}

/** Gives the choice, which is the first when none was made. */
function oneOf<T extends string>(name: string, choices: readonly T[], given: unknown): T {
  return given === undefined ? choices[0]! : checkChoice(given, name, choices)
}

function checkCount(name: string, count: unknown): number {
  if (Number.isSafeInteger(count) && (count as number) >= 1 && (count as number) <= COUNT_MAX) return count as number
  throw invalidArgument(`option ${name} must be a whole number from 1 to ${COUNT_MAX}`)
}
