/**
 * What: an indented tree as text.
 * Thread: any (pure).
 */

export interface TreeNode {
  label: string
  children?: readonly TreeNode[]
}

/** Prints one line for each node; children stand two columns to the right of their parent, joined by lines. */
export function treeText(root: TreeNode): string {
  return [root.label, ...childLines(root)].join('\n') + '\n'
}

function* childLines({ children = [] }: TreeNode): Generator<string> {
  for (const [i, child] of children.entries()) {
    const isLast = i === children.length - 1
    yield `${isLast ? '└─' : '├─'} ${child.label}`
    for (const line of childLines(child)) yield `${isLast ? '  ' : '│ '} ${line}`
  }
}
