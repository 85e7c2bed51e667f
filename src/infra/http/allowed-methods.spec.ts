import { AllowedMethods } from './allowed-methods';

describe('AllowedMethods', () => {
  const allowed = new AllowedMethods();
  allowed.add('/api/v1/app', ['GET', 'HEAD']);
  allowed.add('/api/v1/app', 'POST');
  allowed.add('/api/v1/app', 'POST');
  allowed.add('/api/v1/app/:app_id', ['GET', 'DELETE', 'OPTIONS']);
  allowed.add('/api/v1/app/:app_id/msg/:msg_id', 'GET');
  allowed.add('/openapi.json', 'GET');
  allowed.add('/docs/', 'GET');
  allowed.add('*', ['GET', 'OPTIONS']);
  allowed.add('/static/*', 'GET');

  it.each([
    ['/api/v1/app', ['GET', 'HEAD', 'POST']],
    ['/api/v1/app/', ['GET', 'HEAD', 'POST']],
    ['/api/v1/app/app_1', ['DELETE', 'GET']],
    ['/api/v1/app/app_1/msg/msg_1', ['GET']],
    ['/docs', ['GET']],
    ['/api/v1/app/app_1/msg', []],
    ['/api/v1/app/app_1/msg/msg_1/more', []],
    ['/api/v1/app//msg/msg_1', []],
    ['/api/v1', []],
    ['/openapiXjson', []],
    ['/static/file', []],
    ['/', []],
  ])('knows the methods of %s', (path, methods) => {
    expect(allowed.of(path)).toEqual(methods);
  });
});
