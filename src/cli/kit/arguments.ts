/**
 * What: the arguments that commands take: positionals and options, each with the text that help shows of it and the
 * function that reads what was given.
 */
import { UsageError } from '../command.js'
import { readBytes } from './key-bytes.js'
import type { BytesForm } from './key-bytes.js'
import { readDuration, readNumber, readSize } from './quantities.js'
import type { NumberLimits } from './quantities.js'

/** What stands without a name in front of it, by its place. */
export interface Positional<T> {
  /** What the synopsis shows: `DIR`, `[DIR]` or `NAME…`. */
  readonly name: string
  /** What it is, for the message when it is missing: `the directory of a database`. */
  readonly what: string
  readonly help: Help
  readonly count: 'one' | 'optional' | 'many'
  /** True for keys and values, which `--hex`, `--utf8` and `--base64` are for. */
  readonly isBytes: boolean
  /** Reads the words that were given: one for `one`, one or none for `optional`. Throws UsageError. */
  read(words: readonly string[], form: BytesForm): T
}

export interface Option<T> {
  /** How help calls its value; null for an option that has none. */
  readonly value: string | null
  readonly help: Help
  readonly isBytes: boolean
  /** True when it may be given more than once. */
  readonly isMany?: boolean
  /** True leaves it out of help. */
  readonly isHidden?: boolean
  /** Reads the words that were given: none when the option was not. `name` is for messages. Throws UsageError. */
  read(words: readonly string[], name: string, form: BytesForm): T
}

/** One or more lines. */
export type Help = string | readonly string[]

export type Positionals = Readonly<Record<string, Positional<unknown>>>
export type Options = Readonly<Record<string, Option<unknown>>>

/** What a command gets: the value of each argument, by the name of its field. */
export type Given<A> = { readonly [N in keyof A]: A[N] extends { read(...args: never[]): infer T } ? T : never }

/** Gives how an option is typed, without the dashes in front. */
export function optionName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** A word that must be there and is not empty. */
export function word(name: string, what: string, help: Help): Positional<string> {
  return { name, what, help, count: 'one', isBytes: false, read: ([text]) => text! }
}

/** The directory of a database; the first argument of most commands. */
export const DIR = word('DIR', 'the directory of a database', 'directory of the database')

export function optionalWord(name: string, what: string, help: Help): Positional<string | undefined> {
  return { name: `[${name}]`, what, help, count: 'optional', isBytes: false, read: ([text]) => text }
}

/** All words that are left, none too. */
export function words(name: string, what: string, help: Help): Positional<readonly string[]> {
  return { name: `[${name}…]`, what, help, count: 'many', isBytes: false, read: (all) => all }
}

/** All words that are left, at least one. */
export function someWords(name: string, what: string, help: Help): Positional<readonly string[]> {
  return {
    name: `${name}…`, what, help, count: 'many', isBytes: false,
    read(all) {
      if (all.length === 0) throw new UsageError(`${name} is missing: ${what}`)
      return all
    },
  }
}

/** A key or value, which may be empty. */
export function bytesWord(name: string, what: string, help: Help): Positional<Uint8Array> {
  return { name, what, help, count: 'one', isBytes: true, read: ([text], form) => readBytes(text!, form, name) }
}

/** A key or value that may be left out. */
export function optionalBytesWord(name: string, what: string, help: Help): Positional<Uint8Array | undefined> {
  return {
    name: `[${name}]`, what, help, count: 'optional', isBytes: true,
    read: ([text], form) => text === undefined ? undefined : readBytes(text, form, name),
  }
}

/** Keys, at least one. */
export function bytesWords(name: string, what: string, help: Help): Positional<readonly Uint8Array[]> {
  const some = someWords(name, what, help)
  return {
    ...some, isBytes: true,
    read: (all, form) => some.read(all, form).map((text) => readBytes(text, form, name)),
  }
}

/** An option without a value: true when it was given. */
export function flag(help: Help): Option<boolean> {
  return { value: null, help, isBytes: false, read: (given) => given.length > 0 }
}

function option<T>(value: string, help: Help, read: (text: string, name: string) => T): Option<T | undefined> {
  return {
    value, help, isBytes: false,
    read: ([text], name) => text === undefined ? undefined : read(text, name),
  }
}

export function textOption(value: string, help: Help): Option<string | undefined> {
  return option(value, help, (text) => text)
}

/** An option that may be given more than once. */
export function textsOption(value: string, help: Help): Option<readonly string[]> {
  return { value, help, isBytes: false, isMany: true, read: (all) => all }
}

export function choiceOption<const C extends string>(
  value: string, help: Help, choices: readonly C[],
): Option<C | undefined> {
  return option(value, help, (text, name) => {
    const choice = choices.find((each) => each === text)
    if (choice === undefined) throw new UsageError(`${name} is one of ${choices.join(', ')}, not '${text}'`)
    return choice
  })
}

/** A whole number unless the limits say otherwise. */
export function numberOption(value: string, help: Help, limits: NumberLimits): Option<number | undefined> {
  return option(value, help, (text, name) => readNumber(text, name, limits))
}

/** Gives bytes. */
export function sizeOption(value: string, help: Help): Option<number | undefined> {
  return option(value, help, readSize)
}

/** The most bytes a second that a long command may move; the same word in each of them. */
export const PACE = sizeOption('SIZE', 'read and write at most so many bytes a second, such as 8MiB')

/** Gives milliseconds. */
export function durationOption(value: string, help: Help): Option<number | undefined> {
  return option(value, help, readDuration)
}

/** A key or value. */
export function bytesOption(value: string, help: Help): Option<Uint8Array | undefined> {
  return {
    value, help, isBytes: true,
    read: ([text], name, form) => text === undefined ? undefined : readBytes(text, form, name),
  }
}
