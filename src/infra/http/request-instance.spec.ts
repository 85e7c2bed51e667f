import 'reflect-metadata';
import { QueryInteger } from './query-fields';
import { OlderName } from './older-name';
import { toRequestInstance } from './request-instance';
import { IsMetadata, IsNameSet, Nullable } from './validators';

class Sample {
  @QueryInteger()
  count?: number = 50;

  @OlderName('labels', { isExclusive: false })
  @IsNameSet({ min: 1, max: 5, maxLength: 10 })
  tags?: string[];

  @Nullable()
  @IsMetadata()
  metadata?: Record<string, unknown> | null;
}

describe('toRequestInstance', () => {
  it('makes an instance with defaults, transformations and older names', () => {
    const instance = toRequestInstance(Sample, { labels: ['a', 'a', 'b'] });

    expect(instance).toBeInstanceOf(Sample);
    expect(instance).toMatchObject({ count: 50, tags: ['a', 'b'] });
    expect(toRequestInstance(Sample, { count: '7' }).count).toBe(7);
  });

  it('hands objects over as they are, whatever their keys', () => {
    const metadata: unknown = JSON.parse('{"constructor":"a","toString":"b","__proto__":"c","then":{"x":[{}]}}');

    expect(toRequestInstance(Sample, { metadata }).metadata).toBe(metadata);
  });

  it('takes nesting that would overflow the stack', () => {
    const deep: unknown = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));

    expect(toRequestInstance(Sample, { tags: deep }).tags).toBe(deep);
  });

  it('drops objects that the class has no field for, __proto__ and constructor among them', () => {
    const input = JSON.parse('{"__proto__":{"count":1},"constructor":{"x":1},"other":{"y":1}}') as Record<
      string,
      unknown
    >;

    const instance = toRequestInstance(Sample, input);

    expect(instance).not.toHaveProperty('other');
    expect(Object.hasOwn(instance, 'constructor')).toBe(false);
    expect(Object.getPrototypeOf(instance)).toBe(Sample.prototype);
    expect(instance.count).toBe(50);
  });
});
