/** Names of nginx' directives: those that this server follows, and those that it reads without effect. nginx: the ngx_command_t tables of its standard modules. */

const list = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** With an effect here. */
export const FOLLOWED = list(`
  http events server location upstream include listen server_name return proxy_pass proxy_set_header proxy_http_version proxy_connect_timeout
  proxy_read_timeout proxy_next_upstream proxy_next_upstream_tries root alias index try_files access_log client_max_body_size add_header default_type
  allow deny internal client_body_timeout set
  resolver ssl_certificate ssl_certificate_key ssl_client_certificate ssl_verify_client proxy_ssl_server_name proxy_ssl_name
`);

/** Read, and nothing more: what they steer has no counterpart here, or none that a packet shows. */
export const HARMLESS = list(`
  user worker_processes worker_connections worker_rlimit_nofile error_log pid multi_accept use daemon master_process load_module types
  types_hash_max_size types_hash_bucket_size server_names_hash_bucket_size server_names_hash_max_size variables_hash_max_size log_format sendfile
  sendfile_max_chunk tcp_nopush tcp_nodelay keepalive_timeout keepalive_requests server_tokens charset gzip gzip_vary gzip_proxied gzip_comp_level
  gzip_buffers gzip_http_version gzip_types gzip_min_length gzip_static gzip_disable client_header_timeout client_header_buffer_size
  client_body_buffer_size client_body_temp_path large_client_header_buffers reset_timedout_connection open_file_cache open_file_cache_valid
  open_file_cache_min_uses open_file_cache_errors proxy_buffering proxy_buffers proxy_buffer_size proxy_busy_buffers_size proxy_temp_path
  proxy_request_buffering proxy_send_timeout proxy_max_temp_file_size proxy_temp_file_write_size proxy_ignore_client_abort proxy_headers_hash_max_size
  proxy_headers_hash_bucket_size fastcgi_temp_path uwsgi_temp_path scgi_temp_path log_not_found log_subrequest msie_padding etag expires
  if_modified_since ignore_invalid_headers underscores_in_headers merge_slashes absolute_redirect port_in_redirect server_name_in_redirect
  chunked_transfer_encoding keepalive zone send_timeout output_buffers lingering_close lingering_time lingering_timeout autoindex real_ip_header
  set_real_ip_from real_ip_recursive env worker_shutdown_timeout resolver_timeout recursive_error_pages pcre_jit thread_pool http2 aio directio
`);

/** nginx has them and would do something that is not simulated: the log and the editor say so. */
export const NOT_SIMULATED = list(`
  stream mail map geo split_clients limit_req limit_req_zone limit_conn limit_conn_zone limit_rate auth_basic auth_basic_user_file auth_request
  auth_request_set rewrite if break error_page proxy_redirect proxy_cookie_path proxy_cookie_domain proxy_hide_header proxy_pass_header
  proxy_intercept_errors proxy_cache proxy_cache_path proxy_cache_valid proxy_cache_key proxy_cache_bypass proxy_no_cache proxy_cache_use_stale
  proxy_set_body proxy_pass_request_headers proxy_pass_request_body proxy_method proxy_bind proxy_ssl_verify
  proxy_ssl_certificate proxy_ssl_certificate_key proxy_ssl_trusted_certificate ssl_protocols ssl_ciphers
  ssl_prefer_server_ciphers ssl_session_cache ssl_session_timeout ssl_dhparam sub_filter sub_filter_once
  fastcgi_pass fastcgi_param fastcgi_index fastcgi_split_path_info uwsgi_pass scgi_pass grpc_pass grpc_set_header stub_status mirror hash ip_hash
  least_conn random ssl_preread satisfy limit_except js_import js_content perl_modules secure_link
`);
