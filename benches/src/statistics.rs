//! Medians, quantiles, and the exponent by which a cost grows.

/// Returns the value below which the fraction `q` of the values lies; 0 of none.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "q is within 0 and 1"
    )]
    let place = (last as f64 * q).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

/// Returns the middle value.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Returns the least value; 0 of none.
#[must_use]
pub fn least(values: &[f64]) -> f64 {
    quantile(values, 0.0)
}

/// Returns the exponent and factor of the power law through points `(x, y)`, by least squares of the
/// logarithms.
#[must_use]
pub fn power_law(points: &[(f64, f64)]) -> (f64, f64) {
    let logs: Vec<_> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let exponent = covariance / variance;
    (exponent, (mean_y - exponent * mean_x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_few_values() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!((median(&values), quantile(&values, 0.99)), (3.0, 5.0));
        assert_eq!((least(&values), median(&[]), least(&[])), (1.0, 0.0, 0.0));
    }

    #[test]
    fn a_power_law_is_found_again() {
        let points: Vec<_> = [1.0_f64, 10.0, 100.0]
            .map(|x| (x, 3.0 * x.powf(1.5)))
            .into();
        let (exponent, factor) = power_law(&points);
        assert!((exponent - 1.5).abs() < 1e-9 && (factor - 3.0).abs() < 1e-9);
    }
}
