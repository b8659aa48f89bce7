/** What: takes files out of the system's page cache, so that the next reads come from the disk. Linux only. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, fsyncSync, openSync, readdirSync } from 'node:fs'
import path from 'node:path'

/** Pages that something else keeps may stay: this part of the bytes at most. */
const LEFT_MAX = 0.02

function filesOf(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

/** Gives false where it cannot be done, or did not work. No process may have the files open. */
export function dropFromPageCache(dir: string): boolean {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/fincore')) return false
  const files = filesOf(dir)
  for (const file of files) {
    const fd = openSync(file, 'r+')
    // Only what is on the disk can be dropped.
    fsyncSync(fd)
    closeSync(fd)
    spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' })
  }
  const options = ['--bytes', '--noheadings', '--raw', '--output', 'RES,SIZE']
  const { stdout, status } = spawnSync('fincore', [...options, ...files])
  if (status !== 0) return false
  const [left, all] = sumOf(stdout.toString())
  return left <= LEFT_MAX * all
}

/** Adds up two columns of numbers. */
function sumOf(text: string): [number, number] {
  const rows = text.trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return [rows.reduce((sum, row) => sum + row[0]!, 0), rows.reduce((sum, row) => sum + row[1]!, 0)]
}
