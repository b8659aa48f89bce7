/**
 * What: the options of heal and scrub, and their check.
 */
import { invalidArgument, keepAliveUntil, systemClock, takeOptions } from '../base/index.js'
import type { Engine } from '../engine/index.js'
import { ProgressMeter } from '../report/index.js'
import type { HealCall, HealReport, VerifyReport } from '../verify/index.js'
import { NodeVfs } from '../vfs/index.js'
import type { Vfs } from '../vfs/index.js'
import { checkLocation, diskError } from './location.js'
import { checkToolFields, takeToolFields, TOOL_OPTION_NAMES } from './tool-options.js'
import type { ToolOptions } from './tool-options.js'
import { loadTools, useTools } from './use-tools.js'

/** Options of `db.heal`. */
export interface HealOptions extends ToolOptions {
  /**
   * The directories of backups, in the order in which they are asked. Of a set (`Varve.backup`) each backup is asked,
   * the newest first.
   */
  from: readonly string[]
}

/** Options of `Varve.heal`. */
export interface HealAtOptions extends HealOptions {
  /** The file system that the directory and the backups are on; default that of the platform. */
  vfs?: Vfs | undefined
}

/** Options of `db.scrub`. */
export interface ScrubOptions extends ToolOptions {
  /** Numbers of the tables to check, and no other file; by default all files. */
  tables?: readonly number[] | undefined
}

/** Checks the options, and heals a closed database. */
export async function healAt(location: unknown, options: HealAtOptions): Promise<HealReport> {
  const path = checkLocation(location)
  const { from, vfs = new NodeVfs(), tool } = takeOptions('heal', [...TOOL_OPTION_NAMES, 'from', 'vfs'], options,
    (given) => ({ from: given.from, vfs: given.vfs, tool: takeToolFields(given) }))
  const backups = checkFrom(from)
  const { abort, onProgress, bytesPerSecond } = checkToolFields(tool)
  const progress = new ProgressMeter(systemClock, onProgress)
  const call = { from: backups, bytesPerSecond, progress, check: () => abort?.check() }
  try {
    return await keepAliveUntil(systemClock, healFrom(path, vfs, call))
  } catch (error) {
    throw diskError(error, 'heal', path)
  } finally {
    abort?.end()
  }
}

async function healFrom(path: string, vfs: Vfs, call: HealCall): Promise<HealReport> {
  const { healDirectory } = await loadTools()
  return healDirectory(path, { vfs, clock: systemClock }, { ...call, from: await backupsOf(call.from, vfs) })
}

/** Gives the directories of backups with sets taken apart. Rejects with NOT_FOUND for one that does not exist. */
async function backupsOf(from: readonly string[], vfs: Vfs): Promise<string[]> {
  const { listBackups } = await loadTools()
  const found: string[] = []
  for (const place of from) {
    const backups = await listBackups(vfs, place)
    found.push(...backups.length === 0 ? [place] : backups.reverse().map(({ location }) => location))
  }
  return found
}

/** Checks the options, and heals an open database. */
export async function healNow(engine: Engine, options: HealOptions): Promise<HealReport> {
  const { from, tool } = takeOptions('heal', [...TOOL_OPTION_NAMES, 'from'], options,
    (given) => ({ from: given.from, tool: takeToolFields(given) }))
  const backups = await backupsOf(checkFrom(from), engine.setup.vfs)
  const call = checkToolFields(tool)
  return useTools(call.abort, ({ healOpen }) => healOpen(engine, { ...call, from: backups }))
}

/** Checks the options, and scrubs. */
export async function scrubNow(engine: Engine, options: ScrubOptions): Promise<VerifyReport> {
  const { tables, tool } = takeOptions('scrub', [...TOOL_OPTION_NAMES, 'tables'], options,
    (given) => ({ tables: given.tables, tool: takeToolFields(given) }))
  const isList = tables === undefined || (Array.isArray(tables) && tables.every((table) => Number.isInteger(table)))
  if (!isList) throw invalidArgument('option tables must be an array of file numbers')
  const call = { ...checkToolFields(tool), tables: tables === undefined ? null : new Set(tables) }
  return useTools(call.abort, ({ scrubDatabase }) => scrubDatabase(engine, call))
}

function checkFrom(from: unknown): string[] {
  if (!Array.isArray(from) || from.length === 0) throw invalidArgument('option from must be an array of directories')
  return from.map(checkLocation)
}
