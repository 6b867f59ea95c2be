//! Leaves out of requests what AWS does not need: which program sends them, an id for each call, and
//! which attempt it is. Nothing is decided by any of it.

use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{
    Intercept, disable_interceptor, dyn_dispatch_hint,
};
use aws_smithy_types::config_bag::ConfigBag;

/// Switches off those interceptors of the SDK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeanRequests;

const CAUSE: &str = "AWS does not need it";

#[dyn_dispatch_hint]
impl Intercept for LeanRequests {
    fn name(&self) -> &'static str {
        "LeanRequests"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let state = config.interceptor_state();
        state.store_put(disable_interceptor::<InvocationIdInterceptor>(CAUSE));
        state.store_put(disable_interceptor::<RequestInfoInterceptor>(CAUSE));
        state.store_put(disable_interceptor::<UserAgentInterceptor>(CAUSE));
        Ok(())
    }
}
