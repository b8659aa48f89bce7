import { Varve } from './dist/src/index.js'
import { rmSync } from 'node:fs'
const dir='/work/wt/p-space/.bench-space'; rmSync(dir,{recursive:true,force:true})
const V=Number(process.argv[2]??64)*1024, live=Number(process.argv[3]??1024)*2**20, n=live/V
const begins=new Map(); const sums={}
let stalls={}
const db=await Varve.open(dir,{valueThreshold:4096,components:{onEvent(e){
 if(e.type==='compactionBegin')begins.set(e.id,{r:e.reason,t:Date.now(),m:db.stats().valueLog.movedBytes})
 if(e.type==='compactionEnd'){const b=begins.get(e.id);const s=sums[b.r]??={n:0,ms:0,moved:0,max:0};s.n++;const d=Date.now()-b.t;s.ms+=d;s.max=Math.max(s.max,d);s.moved+=db.stats().valueLog.movedBytes-b.m}
 if(e.type==='stallEnd'){const s=stalls[e.reason+' '+e.state]??={n:0,ms:0};s.n++;s.ms+=e.durationMs}
}}})
const buf=Buffer.alloc(16*2**20);for(let i=0;i<buf.length;i+=4)buf.writeUInt32LE(Math.random()*2**32>>>0,i)
let turn=0;const val=()=>{const at=8*((++turn*7919)%Math.floor((buf.length-V)/8));return buf.subarray(at,at+V)}
const key=i=>String(i).padStart(16,'0')
const t0=Date.now(), c0=process.cpuUsage()
for(let p=0;p<4;p++){const o=Uint32Array.from({length:n},(_,i)=>i);for(let i=n-1;i>0;i--){const j=Math.random()*(i+1)|0;[o[i],o[j]]=[o[j],o[i]]}
 let at=0;await Promise.all(Array.from({length:16},async()=>{while(at<n)await db.put(key(o[at++]),val())}))
 const s=db.stats(); console.log('pass',p,((Date.now()-t0)/1000).toFixed(1),'s known live',(s.valueLog.liveBytes/live).toFixed(2),'garbage',(s.valueLog.garbageBytes/live).toFixed(2),'l0',s.levels[0].tableCount)}
console.log(sums,stalls,'cpu',(process.cpuUsage(c0).user/1e6).toFixed(1),(process.cpuUsage(c0).system/1e6).toFixed(1))
console.log(JSON.stringify(db.stats().flush.stages??db.stats().flush).slice(0,700))
await db.close(); rmSync(dir,{recursive:true,force:true})
