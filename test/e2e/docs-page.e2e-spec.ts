import { startTestApp, type TestApp } from '../support/test-app';

describe('the documentation page', () => {
  let server: TestApp;

  beforeAll(async () => {
    server = await startTestApp();
  }, 60_000);

  afterAll(() => server.stop(), 20_000);

  it('is where the root leads to', async () => {
    const root = await fetch(server.url, { redirect: 'manual' });

    expect([root.status, root.headers.get('location')]).toEqual([307, '/docs']);
  });

  it.each(['/', '/docs', '/docs/'])(
    'is HTML with a title at %s, and everything that it loads is there',
    async (path) => {
      const page = await fetch(server.url + path);
      const html = await page.text();
      const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');

      expect(page.headers.get('content-type')).toMatch(/^text\/html/);
      expect(html).toContain('<title>Posthorn API</title>');
      expect(loaded.length).toBeGreaterThan(3);
      for (const address of loaded) {
        const url = new URL(address, page.url);
        expect(url.origin).toBe(server.url);
        expect({ address, status: (await fetch(url)).status }).toEqual({ address, status: 200 });
      }
    },
  );

  it('shows the document that the API serves as JSON and YAML', async () => {
    const json = await fetch(`${server.url}/api/v1/openapi.json`);
    const document = (await json.json()) as { info: { title: string }; tags: { name: string }[] };
    const yaml = await (await fetch(`${server.url}/api/v1/openapi.yaml`)).text();

    expect(document.info.title).toBe('Posthorn');
    expect(document.tags.map(({ name }) => name)).toEqual([
      'Application',
      'Event Type',
      'Endpoint',
      'Message',
      'Message Attempt',
      'Health',
      'Metrics',
    ]);
    expect(yaml).toMatch(/^openapi: 3\.1\.0/);
  });

  it('answers 404 in JSON for what is not there', async () => {
    const missing = await fetch(`${server.url}/docs/nothing.js`);

    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ code: 'not_found' });
  });
});
