/** Takes out of PromQL which metrics a query asks for, and by which labels: enough to see that they exist. */

/** One selector of a query. */
export interface Selector {
  name: string
  labels: { label: string; isPattern: boolean; value: string }[]
}

/** The selectors of Varve's metrics in a query; `prefix` begins their names. */
export function selectorsIn(query: string, prefix: string): Selector[] {
  const pattern = new RegExp(`\\b(${prefix}[a-z0-9_]+)(?:\\{([^}]*)\\})?`, 'g')
  return [...query.matchAll(pattern)].map(([, name, list = '']) => ({
    name: name!,
    labels: [...list.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label, sign, value]) =>
      ({ label: label!, isPattern: sign!.endsWith('~'), value: value! })),
  }))
}

/** The labels by which a query adds up: `by (a, b)`, `without (a)`, `on (a)`. */
export function groupingsIn(query: string): string[] {
  return [...query.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)]
    .flatMap(([, list]) => list!.split(',').map((label) => label.trim()).filter((label) => label !== ''))
}

/** The labels that a legend or an annotation names: `{{label}}` or `{{ $labels.label }}`. */
export function labelsInText(text: string): string[] {
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, label]) => label!)
}
