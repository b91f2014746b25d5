/** The fields a stream declares itself: their types and roles. */
import type { FieldNode, Name, StreamDecl, TableDecl, TypeNode } from '../../dsl/ast.ts';
import { shownKind } from '../../dsl/messages-names.ts';
import * as say from '../../dsl/messages-streams.ts';
import { errorType, list, type ScalarName, scalar, showType, type Type } from '../../dsl/types.ts';
import type { LogicalField } from './logical.ts';
import type { Report } from './report.ts';

/** A field by name, with the place that declared it; `clash` names two enrichments that both give it. */
export type FieldEntry = {
  readonly field: LogicalField;
  readonly name: Name;
  readonly clash: readonly [string, string] | null;
};

export type OwnFields = {
  readonly fields: Map<string, FieldEntry>;
  readonly id: string | null;
  readonly time: string | null;
  readonly key: string | null;
};

const TYPES: readonly ScalarName[] = [
  'string',
  'bool',
  'int',
  'float',
  'money',
  'timestamp',
  'duration',
];

/** The fields in the order written; a name written twice keeps its first place. */
export function ownFields(decl: StreamDecl | TableDecl, report: Report): OwnFields {
  const fields = new Map<string, FieldEntry>();
  const roles: Record<string, Name | undefined> = {};
  for (const node of decl.fields) {
    const type = fieldType(node.type, report);
    for (const name of node.names) {
      const first = fields.get(name.text);
      if (first !== undefined) {
        report.add(say.duplicateField(name, report.place(first.name.span)));
        continue;
      }
      const timeFormat = node.type.name === 'timestamp' ? (node.type.timeFormat ?? 'ms') : null;
      const field = { name: name.text, type, timeFormat, pii: node.pii, enriched: null };
      fields.set(name.text, { field, name, clash: null });
      takeRole(decl, { node, name, type, roles }, report);
    }
  }
  missingRoles(decl, roles, report);
  return {
    fields,
    id: roles.id?.text ?? null,
    time: roles.time?.text ?? null,
    key: roles.key?.text ?? null,
  };
}

/** The type that a type node names; the poison type, with a diagnostic, if there is none. */
export function fieldType(node: TypeNode, report: Report): Type {
  const name = TYPES.find((type) => type === node.name);
  if (name === undefined) {
    report.add(say.unknownType(node.span, node.name, TYPES));
    return errorType;
  }
  if (node.timeFormat !== null && name !== 'timestamp') {
    report.add(say.timeFormatMisplaced(node.span, name));
  }
  return node.list ? list(name, node.nullable) : scalar(name, { nullable: node.nullable });
}

type Taken = {
  readonly node: FieldNode;
  readonly name: Name;
  readonly type: Type;
  readonly roles: Record<string, Name | undefined>;
};

function takeRole(decl: StreamDecl | TableDecl, taken: Taken, report: Report): void {
  const { node, name, type, roles } = taken;
  if (node.role === 'field') return;
  if (node.role === 'key' && decl.kind === 'stream') {
    report.add(say.keyInStream(name, decl.name.text));
    return;
  }
  if (node.role === 'time' && decl.kind === 'table' && decl.isStatic) {
    report.add(say.staticTime(name, decl.name.text));
    return;
  }
  const first = roles[node.role];
  if (first !== undefined) {
    report.add(say.duplicateRole(name, node.role, decl.name.text, first.text));
    return;
  }
  roles[node.role] = name;
  if (type.kind === 'error') return;
  const allowed: readonly ScalarName[] =
    node.role === 'time'
      ? ['timestamp']
      : node.role === 'id'
        ? ['string', 'int']
        : ['string', 'int', 'bool', 'money', 'duration', 'timestamp'];
  const right = type.kind === 'scalar' && !type.nullable && allowed.includes(type.name);
  if (!right) {
    const needed =
      node.role === 'key'
        ? 'a scalar that is not a float, and never null'
        : `${allowed.join(' or ')}, and never null`;
    report.add(say.roleType(name, node.role, needed, showType(type)));
  }
}

function missingRoles(
  decl: StreamDecl | TableDecl,
  roles: Record<string, Name | undefined>,
  report: Report,
): void {
  const isStatic = decl.kind === 'table' && decl.isStatic;
  if (roles.time === undefined && !isStatic) {
    report.add(say.missingTime(decl.name, shownKind(decl.kind)));
  }
  if (roles.key === undefined && decl.kind === 'table') report.add(say.missingKey(decl.name));
}
