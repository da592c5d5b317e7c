import { SimpleGrid, Table, Text } from "@mantine/core";
import { priceWad, type Book } from "../../../server/model/book.ts";
import { useWallet } from "../../wallet.tsx";
import type { SignedOffer } from "./offers.ts";
import type { TradeTalk } from "./tradeTalk.tsx";

/** How many orders a side shows. */
const DEPTH = 12;

/** Both sides of the book, best first, with their depth. */
export function BookTables({ book, talk }: { book: Book<SignedOffer>; talk: TradeTalk }) {
  const { words } = talk;
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }}>
      <Side title={words.bids} empty={words.emptyBids} offers={book.bids} tone="good" talk={talk} />
      <Side title={words.asks} empty={words.emptyAsks} offers={book.asks} tone="bad" talk={talk} />
    </SimpleGrid>
  );
}

interface SideProps {
  title: string;
  empty: string;
  offers: readonly SignedOffer[];
  tone: "good" | "bad";
  talk: TradeTalk;
}

function Side({ title, empty, offers, tone, talk }: SideProps) {
  const { words, price, shares } = talk;
  const { account } = useWallet();
  const shown = offers.slice(0, DEPTH);
  const sums = shown.reduce<bigint[]>((all, { fillableShares }) => [...all, (all.at(-1) ?? 0n) + fillableShares], []);
  const deepest = sums.at(-1) ?? 1n;
  return (
    <div>
      <Text fw={600} size="sm" mb={4}>
        {title}
      </Text>
      {shown.length === 0 ? (
        <Text size="sm" c="dimmed" py="sm">
          {empty}
        </Text>
      ) : (
        <div className="scrolls" role="region" aria-label={title} tabIndex={0}>
          <Table className="table figures" verticalSpacing={5} horizontalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{words.price}</Table.Th>
                <Table.Th scope="col" className="end">
                  {words.shares}
                </Table.Th>
                <Table.Th scope="col" className="end">
                  {words.sum}
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {shown.map(({ order, orderHash, fillableShares }, place) => {
                const depth = Number((sums[place]! * 100n) / deepest);
                return (
                  <Table.Tr
                    key={orderHash}
                    className={`depth ${tone}-depth`}
                    style={{ "--depth": `${String(depth)}%` }}
                  >
                    <Table.Td className={tone}>
                      {price(priceWad(order))}
                      {order.maker.toLowerCase() === account?.toLowerCase() && (
                        <Text span size="xs" c="dimmed" ms={6}>
                          {words.yours}
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td className="end">{shares(fillableShares)}</Table.Td>
                    <Table.Td className="end">{shares(sums[place]!)}</Table.Td>
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </div>
  );
}
