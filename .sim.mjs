import { simulate } from './dist/bench/simulation/simulator.js'
import { defaultCompactionSettings } from './dist/src/pick/index.js'
const MiB=2**20
const over = JSON.parse(process.argv[2] ?? '{}')
const { live=1024, only='overwrite,passes,warm,hot,delete,queue', speeds='Infinity,1', ents='64,16', wb=32, ...settings } = over
for (const e of String(ents).split(',')) for (const sp of String(speeds).split(',')) {
  const out=[]
  for (const workload of only.split(',')) {
    const r = simulate({ workload, settings: { ...defaultCompactionSettings(wb*MiB), ...settings }, dataBytes: live*MiB, writeBufferBytes: wb*MiB,
      entryBytes: Number(e)*1024, tombstoneShare: e==='64'?0.0007:0.01, handleShare: e==='64'?0.0007:0.01, speed: Number(sp), workers: 1, level0TablesMax: 24, isQuietAtEnd: true, seed: 1 })
    out.push(`${workload} ${(1+r.writeAmplification).toFixed(2)} moved ${(r.values.movedBytes/r.userBytes).toFixed(2)} peak ${r.spaceAmplification.most.toFixed(2)} end ${r.spaceAmplification.end.toFixed(2)} st ${(100*r.stalledShare).toFixed(0)}% l0 ${r.level0TablesMost}`)
  }
  console.log(`entry ${e==='64'?'64K':'4K'} speed ${sp}:\n   `+out.join('\n   '))
}
