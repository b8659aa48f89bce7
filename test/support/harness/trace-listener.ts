/** Listens to the tracing channels of the platform, as tools for tracing do. */
import diagnostics from 'node:diagnostics_channel'

export type TraceMessage = Record<string, unknown>
export type TraceStep = 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error'
const STEPS: readonly TraceStep[] = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']

/** Listens to `varve:<kind>` until `end`; each entry of `heard` is the step and the message. */
export function listenToTraces(kind: string, steps: readonly TraceStep[] = STEPS) {
  const heard: [TraceStep, TraceMessage][] = []
  const listeners = steps.map((step) =>
    [step, (message: unknown) => heard.push([step, message as TraceMessage])] as const)
  for (const [step, listener] of listeners) diagnostics.subscribe(`tracing:varve:${kind}:${step}`, listener)
  const end = (): void => {
    for (const [step, listener] of listeners) diagnostics.unsubscribe(`tracing:varve:${kind}:${step}`, listener)
  }
  return { heard, steps: () => heard.map(([step, { op }]) => `${op} ${step}`), end }
}
