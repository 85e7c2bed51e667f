import { type Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { type Page } from '@/common/page';

/**
 * The response class of a page of `Item`, to be extended under a name of its own. `exampleKey` is what a key of this list
 * looks like.
 */
export function PageOf<T>(Item: Type<T>, exampleKey: string): Type<Page<T>> {
  abstract class ItemPage implements Page<T> {
    @ApiProperty({ type: [Item], description: 'The items of this page.' })
    data: T[];

    @ApiProperty({
      type: String,
      nullable: true,
      description: 'Key of the last item: pass it as `iterator` to get the next page. Null when the page is empty.',
      example: exampleKey,
    })
    iterator: string | null;

    @ApiProperty({
      type: String,
      required: false,
      description: 'Pass it as `iterator` to go back. Absent on the first page.',
      example: `-${exampleKey}`,
    })
    prevIterator?: string;

    @ApiProperty({ type: Boolean, description: 'True when there is no further page.' })
    done: boolean;
  }
  return ItemPage as Type<Page<T>>;
}
