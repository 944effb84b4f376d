/** Errors of the mini-Cosmos: type, status, message and data as the real one answers them. */
export class CosmosFailure extends Error {
  readonly type: string;
  readonly status: number;
  readonly data: object | null;

  constructor(type: string, message: string, data: object | null = null, status = 400) {
    super(message);
    this.name = type;
    this.type = type;
    this.status = status;
    this.data = data;
  }
}

export const failure = {
  packageNotFound: (packageName: string) =>
    new CosmosFailure("PackageNotFound", `Package [${packageName}] not found`, { packageName }),
  versionNotFound: (packageName: string, packageVersion: string) =>
    new CosmosFailure(
      "VersionNotFound",
      `Version [${packageVersion}] of package [${packageName}] not found`,
      { packageName, packageVersion },
    ),
  repositoryUriConnection: (name: string, uri: string, cause: unknown) =>
    new CosmosFailure(
      "RepositoryUriConnection",
      `Could not access data at URI for repository [${name}]: ${uri}`,
      { repository: { name, uri }, cause: String(cause) },
    ),
  universeClientHttpError: (name: string, uri: string, status: number) =>
    new CosmosFailure(
      "UniverseClientHttpError",
      `Unexpected upstream http error while fetching repository '${name}' at ${uri}: GET ${status}`,
      { repository: { name, uri }, status },
      500,
    ),
  unsupportedContentType: (shown: string, accept: string) =>
    new CosmosFailure(
      "UnsupportedContentType",
      `Unsupported Content-Type: ${shown} Accept: [${accept}]`,
    ),
  unsupportedContentEncoding: (shown: string) =>
    new CosmosFailure(
      "UnsupportedContentEncoding",
      `Unsupported Content-Encoding: ${shown} Accept-Encoding: [gzip]`,
    ),
  unsupportedRedirect: (message: string) => new CosmosFailure("UnsupportedRedirect", message),
  jsonParsing: (parsingInput: string, cause: unknown) =>
    new CosmosFailure("JsonParsingError", "Unable to parse the string as a JSON value", {
      underlyingType: "ParsingFailure",
      parsingErrorMessage: String(cause),
      parsingInput,
    }),
  jsonDecoding: (decodingErrorMessage: string) =>
    new CosmosFailure(
      "JsonDecodingError",
      "Unable to decode the JSON value as a com.mesosphere.universe.v4.model.Repository",
      { typeName: "com.mesosphere.universe.v4.model.Repository", decodingErrorMessage },
    ),
  genericHttp: (uri: string, status: number) =>
    new CosmosFailure("GenericHttpError", `Unexpected upstream http error: GET ${uri} ${status}`, {
      uri,
      status,
    }),
  endpointUriConnection: (uri: string) =>
    new CosmosFailure(
      "EndpointUriConnection",
      `Could not access data at [${uri}]`,
      { destination: uri },
      502,
    ),
  forbiddenResource: () =>
    new CosmosFailure(
      "Forbidden",
      "Unable to complete request due to Forbidden response from service [ResourceProxyHandler]",
      { serviceName: "ResourceProxyHandler" },
      403,
    ),
};
