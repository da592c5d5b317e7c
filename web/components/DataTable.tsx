import { Button, Group, Table, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { useState, type ReactNode } from "react";
import { useWords } from "../language.tsx";
import { partsWords } from "../words/parts.ts";
import { Glyph } from "./Glyph.tsx";
import { Empty } from "./States.tsx";

export interface Column<Row> {
  key: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** Figures stand at the end of their column. */
  isFigure?: boolean;
  /** Text that may break into lines. */
  wraps?: boolean;
  /** By what the column sorts; without it, it does not. */
  sortBy?: (row: Row) => bigint | number | string;
}

interface DataTableProps<Row> {
  /** What the table lists, for those who hear it. */
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  empty?: ReactNode;
  /** Address of the same list; `format=csv` is added. */
  csvHref?: string;
  /** Reads the next page, where there is one. */
  more?: { hasMore: boolean; isLoadingMore: boolean; more: () => void };
}

/** A list as a table; narrow screens scroll it sideways. */
export function DataTable<Row>({ caption, columns, rows, rowKey, empty, csvHref, more }: DataTableProps<Row>) {
  const words = useWords(partsWords);
  const [sort, setSort] = useState<{ key: string; isDown: boolean }>();
  const by = columns.find(({ key }) => key === sort?.key)?.sortBy;
  const shown = by === undefined || sort === undefined ? rows : sorted(rows, by, sort.isDown);
  if (rows.length === 0) return empty ?? <Empty />;
  return (
    <>
      <div className="scrolls" role="region" aria-label={caption} tabIndex={0}>
        <Table className="table figures" verticalSpacing={8} horizontalSpacing="sm" highlightOnHover>
          <caption style={{ display: "contents" }}>
            <VisuallyHidden>{caption}</VisuallyHidden>
          </caption>
          <Table.Thead>
            <Table.Tr>
              {columns.map(({ key, title, isFigure, sortBy }) => (
                <Table.Th
                  key={key}
                  scope="col"
                  className={isFigure ? "end" : ""}
                  aria-sort={sort?.key !== key ? undefined : sort.isDown ? "descending" : "ascending"}
                >
                  {sortBy === undefined ? (
                    title
                  ) : (
                    <UnstyledButton
                      fz="inherit"
                      fw="inherit"
                      c="inherit"
                      onClick={() => setSort({ key, isDown: sort?.key === key ? !sort.isDown : (isFigure ?? false) })}
                    >
                      <Group gap={2} wrap="nowrap" justify={isFigure ? "flex-end" : "flex-start"}>
                        <VisuallyHidden>{words.sorted} </VisuallyHidden>
                        {title}
                        {sort?.key === key && <Glyph name={sort.isDown ? "down" : "up"} size={12} />}
                      </Group>
                    </UnstyledButton>
                  )}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {shown.map((row) => (
              <Table.Tr key={rowKey(row)}>
                {columns.map(({ key, cell, isFigure, wraps }) => (
                  <Table.Td key={key} className={`${isFigure ? "end" : ""} ${wraps ? "wraps" : ""}`}>
                    {cell(row)}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
      {(csvHref !== undefined || more?.hasMore === true) && (
        <Group justify="space-between" mt="xs" className="no-print">
          {more?.hasMore === true ? (
            <Button variant="default" size="xs" loading={more.isLoadingMore} onClick={more.more}>
              {words.more}
            </Button>
          ) : (
            <span />
          )}
          {csvHref !== undefined && <CsvLink href={csvHref} />}
        </Group>
      )}
    </>
  );
}

/** A link to a list as CSV. */
export function CsvLink({ href, label }: { href: string; label?: string }) {
  const words = useWords(partsWords);
  return (
    <Button
      component="a"
      href={`${href}${href.includes("?") ? "&" : "?"}format=csv`}
      download
      variant="subtle"
      size="xs"
      leftSection={<Glyph name="download" size={14} />}
      aria-label={label ?? words.csvHint}
    >
      {label ?? words.csv}
    </Button>
  );
}

function sorted<Row>(rows: Row[], by: (row: Row) => bigint | number | string, isDown: boolean): Row[] {
  const sign = isDown ? -1 : 1;
  return rows.toSorted((left, right) => {
    const [a, b] = [by(left), by(right)];
    return a < b ? -sign : a > b ? sign : 0;
  });
}
