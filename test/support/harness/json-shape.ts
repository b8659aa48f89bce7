/** What: as much of JSON Schema as the schemas of this repository use: tells where a value is not as one says. */

interface Shape {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  anyOf?: Shape[]
  items?: Shape
  minimum?: number
  required?: string[]
  properties?: Record<string, Shape>
  additionalProperties?: boolean
}

/** A schema with its definitions. */
export interface Schema extends Shape {
  $defs: Record<string, Shape>
}

/** One line for each thing that is not as the schema says. */
export function shapeProblems(schema: Schema, shape: Shape, value: unknown, at = 'it'): string[] {
  if (shape.$ref !== undefined) {
    const named = schema.$defs[shape.$ref.replace('#/$defs/', '')]
    return named === undefined ? [`${shape.$ref} is not there`] : shapeProblems(schema, named, value, at)
  }
  if (shape.anyOf !== undefined) {
    const each = shape.anyOf.map((one) => shapeProblems(schema, one, value, at))
    return each.some(({ length }) => length === 0) ? [] : each.flat()
  }
  if (shape.enum !== undefined && !shape.enum.includes(value)) return [`${at} is ${JSON.stringify(value)}`]
  const types = [shape.type ?? []].flat()
  if (types.length > 0 && !types.some((type) => isOf(type, value))) return [`${at} is no ${types.join()}`]
  if (shape.minimum !== undefined && typeof value === 'number' && value < shape.minimum) return [`${at} is ${value}`]
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => shapeProblems(schema, shape.items ?? {}, item, `${at}[${i}]`))
  }
  return typeof value === 'object' && value !== null ? fieldProblems(schema, shape, value, at) : []
}

function fieldProblems(schema: Schema, shape: Shape, value: object, at: string): string[] {
  const { required = [], properties = {}, additionalProperties = true } = shape
  const missing = required.filter((name) => !(name in value)).map((name) => `${at}.${name} is missing`)
  const wrong = Object.entries(value).flatMap(([name, field]) => {
    const known = properties[name]
    if (known !== undefined) return shapeProblems(schema, known, field, `${at}.${name}`)
    return additionalProperties ? [] : [`${at}.${name} is not known`]
  })
  return [...missing, ...wrong]
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}
