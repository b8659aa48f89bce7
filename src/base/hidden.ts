/**
 * What: keeps the inside of public objects out of what programs print, compare and copy: `console.log(db)`, the report
 * of a failed test or `JSON.stringify` would otherwise walk through the whole engine.
 */

/** Node and its relatives call a method of this name when they print an object. */
const PRINTED = Symbol.for('nodejs.util.inspect.custom')

/** Sets how objects of a class are printed. The prototype itself is printed as the name of the class alone. */
export function printAs<T extends object>(type: { name: string; prototype: T }, print: (object: T) => string): void {
  const text = function text(this: T): string {
    try {
      return print(this)
    } catch {
      return `${type.name} {}`
    }
  }
  Object.defineProperty(type.prototype, PRINTED, { value: text, writable: true, configurable: true })
}

/** Sets fields of `object` that are not enumerable. They are declared with `declare`. */
export function setHidden(object: object, fields: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(fields)) Object.defineProperty(object, name, { value: fields[name], writable: true })
}

/** Gives a text such as `Name { field: 'text', other: 5 }`. */
export function printedObject(name: string, fields: Readonly<Record<string, unknown>>): string {
  const texts = Object.keys(fields).map((field) => `${field}: ${printed(fields[field])}`)
  return `${name} { ${texts.join(', ')} }`
}

function printed(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}
