/**
 * What: a tab of the tests' browser: goes to pages, presses keys, and notes everything that must not happen: errors on
 * the console, reports of the content policy, requests to other origins.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Chromium } from './chromium.js'

export interface TabOptions {
  width?: number
  height?: number
  dark?: boolean
}

const KEYS: Readonly<Record<string, number>> = {
  Tab: 9, Enter: 13, Escape: 27, End: 35, Home: 36, ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40,
}

export class Tab {
  /** What must not happen, in words. */
  readonly faults: string[] = []
  private readonly browser: Chromium
  private readonly session: string
  private readonly target: string

  private constructor(browser: Chromium, session: string, target: string) {
    this.browser = browser
    this.target = target
    this.session = session
  }

  static async open(browser: Chromium, { width = 1280, height = 900, dark = false }: TabOptions = {}): Promise<Tab> {
    const { targetId } = await browser.call('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await browser.call('Target.attachToTarget', { targetId, flatten: true })
    const tab = new Tab(browser, sessionId as string, targetId as string)
    browser.onEvent = (method, params) => tab.hear(method, params)
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Audits']) await tab.call(`${domain}.enable`)
    await tab.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 500 })
    const scheme = { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }
    await tab.call('Emulation.setEmulatedMedia', { features: [scheme] })
    return tab
  }

  call(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    return this.browser.call(method, params, this.session)
  }

  private hear(method: string, params: Record<string, unknown>): void {
    const { entry, exceptionDetails, type, args, request, issue } = params as {
      entry?: { level: string; text: string; url?: string }
      exceptionDetails?: { exception?: { description?: string }; text: string }
      type?: string; args?: unknown[]; request?: { url: string }; issue?: { code: string; details: unknown }
    }
    if (method === 'Log.entryAdded' &&
      entry!.level === 'error') this.faults.push(`log: ${entry!.text} ${entry!.url ?? ''}`)
    if (method === 'Runtime.exceptionThrown') {
      this.faults.push(`error: ${exceptionDetails!.exception?.description ?? exceptionDetails!.text}`)
    }
    if (method === 'Runtime.consoleAPICalled' && type === 'error') this.faults.push(`console: ${JSON.stringify(args)}`)
    if (method === 'Audits.issueAdded' && issue!.code === 'ContentSecurityPolicyIssue') {
      this.faults.push(`policy: ${JSON.stringify(issue!.details)}`)
    }
    if (method === 'Network.requestWillBeSent' && !/^(http:\/\/127\.0\.0\.1:|about:|data:)/.test(request!.url)) {
      this.faults.push(`request to ${request!.url}`)
    }
  }

  async close(): Promise<void> {
    await this.browser.call('Target.closeTarget', { targetId: this.target })
  }

  async go(url: string): Promise<void> {
    await this.call('Page.navigate', { url })
  }

  /** Gives what the expression is in the page; of a promise, what it resolves to. */
  async read<T>(expression: string): Promise<T> {
    const answer = await this.call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (answer['exceptionDetails'] !== undefined) throw new Error(JSON.stringify(answer['exceptionDetails']))
    return (answer['result'] as { value: T }).value
  }

  /** Waits until the expression is true. */
  async until(expression: string, what = expression): Promise<void> {
    for (let i = 0; i < 400; i++) {
      if (await this.read<boolean>(`Boolean(${expression})`)) return
      await wait(25)
    }
    const text = await this.read<string>('document.body.innerText.slice(0, 500)')
    throw new Error(`not so: ${what}; the page says: ${text}`)
  }

  async press(key: string, modifiers = 0): Promise<void> {
    const event = { key, code: key, windowsVirtualKeyCode: KEYS[key], modifiers }
    await this.call('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...event })
    await this.call('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
  }

  async screenshot(): Promise<Buffer> {
    const { data } = await this.call('Page.captureScreenshot', { format: 'png' })
    return Buffer.from(data as string, 'base64')
  }
}
