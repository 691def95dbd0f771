// Takes TLS for the mock, which speaks plain http: node front.mjs MOCKPORT CA-FOLDER [PREFIX-TO-STRIP]
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const [port, folder, strip = ''] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const options = {
  key: fs.readFileSync(`${folder}/k.pem`),
  cert: fs.readFileSync(`${folder}/c.pem`),
  ALPNProtocols: ['http/1.1'],
  keepAliveTimeout: 60000,
};

https
  .createServer(options, (request, response) => {
    let path = request.url;
    if (strip && path.startsWith(strip)) path = path.slice(strip.length);
    const headers = { ...request.headers, host: `127.0.0.1:${port}` };
    const asked = http.request({ host: '127.0.0.1', port: +port, path, method: request.method, headers, agent }, (answer) => {
      console.log(request.method, request.url, answer.statusCode);
      response.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
      answer.pipe(response);
    });
    asked.on('error', (error) => {
      console.log(request.method, request.url, String(error));
      if (!response.headersSent) response.writeHead(502);
      response.end(String(error));
    });
    request.pipe(asked);
  })
  .listen(443, '127.0.0.1');
