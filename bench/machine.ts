/** What: where a measurement was made. */
import os from 'node:os'

export interface Machine {
  cpu: string
  cores: number
  memoryGiB: number
  system: string
  node: string
  load: number
}

export function describeMachine(): Machine {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.platform()} ${os.arch()} ${os.release()}`,
    node: process.version,
    load: Math.round(os.loadavg()[0]! * 100) / 100,
  }
}
