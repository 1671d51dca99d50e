/** `nft list …`: which tables and which of their members each form of the command shows. */
import type { Command, Element, Family, ObjectType } from '../../net/nft/ast.ts';
import { evaluateElements } from '../../net/nft/evaluate.ts';
import { boundsOf, keyText } from '../../net/nft/interval.ts';
import type { NftListing } from '../../net/nft/list.ts';
import type { NftTable } from '../../net/nft/nft-records.ts';
import { typesOfSet } from '../../net/nft/read-record.ts';
import { NftError } from '../../net/nft/scanner.ts';

const NO_FILE = 'No such file or directory';
const OBJECTS: Readonly<Record<string, ObjectType>> = {
  counters: 'counter',
  quotas: 'quota',
  limits: 'limit',
  counter: 'counter',
  quota: 'quota',
  limit: 'limit',
};

type ListCommand = Extract<Command, { c: 'list' }>;

export function printList(listing: NftListing, command: ListCommand, elements?: readonly Element[]): string {
  const tables = tablesOf(listing, command);
  switch (command.what) {
    case 'ruleset':
      return tables.map((t) => listing.table(t)).join('');
    case 'tables':
      return tables.map((t) => `table ${t.family} ${t.name}\n`).join('');
    case 'chains':
      return tables
        .map((t) =>
          listing.frame(
            t,
            listing.chains(t).map((c) => listing.chain(c, false)),
            true,
          ),
        )
        .join('');
    case 'sets':
    case 'maps':
      return tables
        .map((t) =>
          listing.frame(
            t,
            listing
              .sets(t)
              .filter((s) => (s.data !== undefined) === (command.what === 'maps'))
              .map((s) => listing.set(s)),
            true,
          ),
        )
        .join('');
    case 'counters':
    case 'quotas':
    case 'limits':
      return tables
        .map((t) =>
          listing.frame(
            t,
            listing.objects(t, OBJECTS[command.what]).map((o) => listing.object(o)),
            true,
          ),
        )
        .join('');
    case 'table':
    case 'rules':
      return listing.table(only(tables, command));
    default:
      return printOne(listing, command, only(tables, command), elements);
  }
}

function tablesOf(listing: NftListing, command: ListCommand): NftTable[] {
  return listing.tables.filter(
    (t) => (command.family === undefined || t.family === command.family) && (command.table === undefined || t.name === command.table.text),
  );
}

function only(tables: readonly NftTable[], command: ListCommand): NftTable {
  const table = tables[0];
  if (table === undefined) throw new NftError(NO_FILE, command.table?.span ?? command.span);
  return table;
}

function printOne(listing: NftListing, command: ListCommand, table: NftTable, elements: readonly Element[] | undefined): string {
  const name = command.name?.text ?? '';
  const missing = (): never => {
    throw new NftError(NO_FILE, command.name?.span ?? command.span);
  };
  if (command.what === 'chain' || command.what === 'rule') {
    const chain = listing.chains(table).find((c) => c.name === name) ?? missing();
    return listing.frame(table, [listing.chain(chain, true)]);
  }
  if (command.what === 'set' || command.what === 'map') {
    const set = listing.sets(table).find((s) => s.name === name) ?? missing();
    return listing.frame(table, [listing.set(set)]);
  }
  if (command.what === 'element') {
    const set = listing.sets(table).find((s) => s.name === name) ?? missing();
    const found = findElements(listing, set, elements ?? [], table.family);
    if (found.length === 0) throw new NftError(`Could not process rule: ${NO_FILE}`, command.span);
    return listing.frame(table, [listing.set(set, found)]);
  }
  const type = OBJECTS[command.what];
  const object = listing.objects(table, type).find((o) => o.name === name) ?? missing();
  return listing.frame(table, [listing.object(object)]);
}

/** `nft get element`: the elements that hold what was asked for. */
function findElements(listing: NftListing, set: ReturnType<NftListing['sets']>[number], asked: readonly Element[], family: Family): Element[] {
  const types = typesOfSet(set);
  const wanted = evaluateElements(asked, { ...types, data: undefined }, { family, findSet: () => undefined, hasObject: () => false, device: (text) => text });
  const all = listing.elements(set);
  return wanted.flatMap((w) => {
    const bounds = boundsOf(w.key);
    return (
      all.find((e) => {
        const own = boundsOf(e.key);
        return own === undefined || bounds === undefined ? keyText(e.key) === keyText(w.key) : own[0] <= bounds[0] && bounds[1] <= own[1];
      }) ?? []
    );
  });
}
